// Samples as JSON of the form that Google Benchmark writes, and profiling/report reads.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../bench/cases.hpp"

namespace bench {

class results {
  public:
    explicit results(const std::string &file); // made at once, so that a wrong name is noticed before anything is measured
    results(const results &) = delete;
    results &operator=(const results &) = delete;
    ~results();
    void context(const std::string &name, const std::string &value) { texts.emplace_back(name, value); }
    void context(const std::string &name, int64_t value) { numbers.emplace_back(name, value); }
    void add(const problem &p, const std::string &contestant, const std::string &plan, double microseconds);
    void add_ceiling(const std::string &pass, int reads, int writes, int64_t bytes, double microseconds);
    void add_failure(const problem &p, const std::string &contestant, const std::string &why);
    void write(); // everything

  private:
    std::FILE *file;
    std::vector<std::pair<std::string, std::string>> texts;
    std::vector<std::pair<std::string, int64_t>> numbers;
    std::vector<std::string> entries;
};

} // namespace bench

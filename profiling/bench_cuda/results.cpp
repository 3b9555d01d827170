#include "results.hpp"

#include <stdexcept>

namespace bench {

static std::string quoted(const std::string &text) {
    std::string all = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') all += '\\';
        all += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return all + "\"";
}

static std::string decimal(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.4f", value);
    return text;
}

static std::string number(const char *name, int64_t value) { return std::string(", \"") + name + "\": " + std::to_string(value); }

results::results(const std::string &name) : file(std::fopen(name.c_str(), "w")) {
    if (!file) throw std::runtime_error("cannot write " + name);
}
results::~results() { std::fclose(file); }

static std::string head(const std::string &name) { return "{\"name\": " + quoted(name) + ", \"run_type\": \"iteration\""; }
static std::string time_of(double microseconds) { return ", \"real_time\": " + decimal(microseconds) + ", \"time_unit\": \"us\""; }

void results::add(const problem &p, const std::string &contestant, const std::string &plan, double microseconds) {
    entries.push_back(head(p.name(contestant)) + time_of(microseconds) + number("bytes", p.bytes()) + number("reads", p.operation->reads) +
                      number("writes", p.operation->writes) + number("rows", p.rows) + number("cols", p.cols) + number("inner", p.inner) +
                      (plan.empty() ? "" : ", \"plan\": " + quoted(plan)) + "}");
}

void results::add_ceiling(const std::string &pass, int reads, int writes, int64_t bytes, double microseconds) {
    entries.push_back(head("ceiling/" + pass + "/" + std::to_string(bytes)) + time_of(microseconds) + number("bytes", bytes) +
                      number("reads", reads) + number("writes", writes) + "}");
}

void results::add_failure(const problem &p, const std::string &contestant, const std::string &why) {
    entries.push_back(head(p.name(contestant)) + ", \"error_occurred\": true, \"error_message\": " + quoted(why) + "}");
}

void results::write() {
    std::string all = "{\n \"context\": {";
    const char *separator = "";
    for (const auto &[name, value] : texts) all += separator + quoted(name) + ": " + quoted(value), separator = ", ";
    for (const auto &[name, value] : numbers) all += separator + quoted(name) + ": " + std::to_string(value), separator = ", ";
    all += "},\n \"benchmarks\": [";
    separator = "\n  ";
    for (const std::string &entry : entries) all += separator + entry, separator = ",\n  ";
    all += "\n ]\n}\n";
    if (std::fwrite(all.data(), 1, all.size(), file) != all.size() || std::fflush(file) != 0)
        throw std::runtime_error("the results cannot be written");
}

} // namespace bench

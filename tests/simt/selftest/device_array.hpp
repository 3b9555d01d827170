// Device memory of exactly n elements.
#pragma once
#include <vector>

template <class T> class DeviceArray {
  public:
    explicit DeviceArray(size_t n) : size_(n) {
        if (cudaMalloc(reinterpret_cast<void **>(&data_), n * sizeof(T)) != cudaSuccess) data_ = nullptr;
    }
    explicit DeviceArray(const std::vector<T> &values) : DeviceArray(values.size()) {
        cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice);
    }
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray &) = delete;
    DeviceArray &operator=(const DeviceArray &) = delete;

    T *data() { return data_; }
    const T *input() const { return data_; }
    std::vector<T> get() const {
        std::vector<T> values(size_);
        cudaMemcpy(static_cast<void *>(values.data()), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost);
        return values;
    }

  private:
    T *data_ = nullptr;
    size_t size_;
};

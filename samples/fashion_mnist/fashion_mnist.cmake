# train_fashion_mnist. It needs zlib to read the images, and what training/ needs.
set(fashion_mnist_data /usr/share/datasets/fashion-mnist CACHE PATH "The folder of Fashion-MNIST's four .gz files, for the test")

find_package(ZLIB)
if(NOT ZLIB_FOUND OR NOT TARGET sample_training)
  message(STATUS "smx: sample train_fashion_mnist is left out: it needs zlib and OpenBLAS (cmake/setup samples installs them)")
  return()
endif()

set(fashion_mnist_sources train.c dataset.c idx.c options.c report.c)
list(TRANSFORM fashion_mnist_sources PREPEND fashion_mnist/)
add_training_sample(train_fashion_mnist ${fashion_mnist_sources})
target_link_libraries(train_fashion_mnist PRIVATE ZLIB::ZLIB)

if(EXISTS ${fashion_mnist_data}/train-images-idx3-ubyte.gz)
  add_sample_test(train_fashion_mnist --epochs 1 --data ${fashion_mnist_data} --require-accuracy 0.75)
else()
  message(STATUS "smx: no Fashion-MNIST in ${fashion_mnist_data}: its training is not tested (Debian: dataset-fashion-mnist)")
endif()

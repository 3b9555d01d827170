// Stands in for the toolkit's <cuda_runtime.h> when device code is compiled for the emulator.
#pragma once
#include "../emulator/simt.hpp"

// Everything device and launch code sees of the emulator. shim/cuda_runtime.h includes it in the place of CUDA's own.
#pragma once
#include "arithmetic.hpp"
#include "collectives.hpp"
#include "language.hpp"
#include "launch.hpp"
#include "memory.hpp"
#include "shared_memory.hpp"
#include "threads.hpp"

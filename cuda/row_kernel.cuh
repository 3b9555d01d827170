// The two kernels of every row program: for one problem, or for many of different sizes. A shape of a family says how rows are held:
//
//   threads                    of a block
//   cluster                    blocks that work together, next to each other in the grid; 1: each for itself
//   one_turn                   every block works once: the grid must not be smaller than there is work for
//   min_blocks<P>              per multiprocessor that the compiler has to leave registers for; 0: its choice
//   blocks(program)            enough for a turn each
//   run(program, block, blocks)   what one of so many blocks does
#pragma once
#include "launch.cuh"

namespace smx {

// nvcc takes no member template in its place.
template <class P, class Shape> constexpr int min_blocks_of = Shape::template min_blocks<P>;

template <class P, class Shape> __global__ void __launch_bounds__(Shape::threads, min_blocks_of<P, Shape>) row_kernel(const P program) {
    Shape::run(program, blockIdx.x, gridDim.x);
}

// Which of several problems a block belongs to: the last whose first block is not beyond it. All lanes of a warp search together.
__device__ __forceinline__ int problem_of_block(const int64_t *first_blocks, int problems, int64_t block) {
    int from = 0;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    while (problems > 1) {
        const int step = (problems + 31) / 32, at = lane * step;
        const unsigned reached = __ballot_sync(0xffffffffu, at < problems && first_blocks[from + (at < problems ? at : 0)] <= block);
        const int last = (__popc(reached) - 1) * step;
        from += last;
        problems = problems - last < step ? problems - last : step;
    }
    return from;
}

// Of the problem that a block belongs to: programs[i] has the blocks from first_blocks[i] to first_blocks[i + 1].
template <class P, class Shape>
__device__ __forceinline__ void run_block_of_many(const P *programs, const int64_t *first_blocks, int problems, int64_t block) {
    static_assert(sizeof(P) % sizeof(unsigned) == 0, "copied in words");
    constexpr int words = static_cast<int>(sizeof(P) / sizeof(unsigned));
    SHARED_VAR(P, program);
    const int problem = problem_of_block(first_blocks, problems, block);
    const unsigned *from = reinterpret_cast<const unsigned *>(programs + problem);
    unsigned *to = reinterpret_cast<unsigned *>(&program);
    for (int word = static_cast<int>(threadIdx.x); word < words; word += Shape::threads) to[word] = from[word];
    __syncthreads();
    Shape::run(program, block - first_blocks[problem], first_blocks[problem + 1] - first_blocks[problem]);
}

template <class P, class Shape>
__global__ void __launch_bounds__(Shape::threads, min_blocks_of<P, Shape>)
    row_kernel_of_many(const P *programs, const int64_t *first_blocks, int problems) {
    if constexpr (Shape::one_turn) {
        run_block_of_many<P, Shape>(programs, first_blocks, problems, blockIdx.x);
    } else {
        for (int64_t block = blockIdx.x; block < first_blocks[problems]; block += gridDim.x) {
            run_block_of_many<P, Shape>(programs, first_blocks, problems, block);
            __syncthreads(); // the program and the shape's shared memory are used again
        }
    }
}

} // namespace smx

# shellcheck shell=bash disable=SC2154
# The GPU mode of profiling/run, which sources this: measure_gpu and rehearse_gpu. Of it come root, log, say, quietly, find_torch, skip,
# filter, seconds and scope.

build=$root/build/profiling-gpu
measured=$build/measured
checks=$measured/checks.txt
suites=(softmax cross_entropy softmax_backward axis) # that the sanitizers see, each with a time limit
tools=(memcheck racecheck initcheck synccheck)
profiled='^(softmax_forward|softmax_backward|logsumexp|cross_entropy_fused)/bf16/[0-9]{3,}x(128|1024|4096|50257|262144)/'

skipped() { [[ " ${skip[*]} " == *" $1 "* ]]; }

# note STATE WHAT: a line about a check; STATE is passed, FAILED or skipped.
note() {
    printf '%s: %s\n' "$1" "$2" >>"$checks"
    say "$1: $2"
}

# judge WHAT STATUS LOG: what a check's exit status says. 77: it said itself that there was nothing to do; 124: its time was up, which
# sanitizers may need more of, while tests that do not end have failed.
judge() {
    local said
    said=$(grep -hE '^checks: |^left out: |ERROR SUMMARY|RACECHECK SUMMARY' "$3" 2>/dev/null | sed 's/^=* *//' | tail -n 3 |
        paste -sd ';' || true)
    if [[ $2 -eq 124 && $1 == tests* ]]; then
        note FAILED "$1: not done within its time limit"
        return
    fi
    case $2 in
    0) note passed "$1${said:+: $said}" ;;
    77) note skipped "$1: $(tail -n 1 "$3")" ;;
    124) note skipped "$1: not done within its time limit" ;;
    *) note FAILED "$1, status $2${said:+: $said}" ;;
    esac
}

# The GPU's name, its compute capability without the point, its driver; nothing without a GPU.
find_gpu() {
    command -v nvidia-smi >/dev/null || return 1
    nvidia-smi --id=0 --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null
}

# Installs what the tests need, where there is a way to: they are left out otherwise, and nothing else needs more than nvcc and CMake.
prepare_tests() {
    if pkg-config --exists check 2>/dev/null; then return 0; fi
    say "the tests need Check: installing it, if there is a way"
    timeout 60 "$root/cmake/setup" tests >>"$log" 2>&1 || true
    pkg-config --exists check 2>/dev/null
}

build_for() {
    local tests=ON targets=(smx smx_bench_cuda smx_tests smx_tests_process)
    if skipped tests && skipped sanitizers; then
        tests=OFF
    elif ! prepare_tests; then
        tests=OFF
        note skipped "tests and sanitizers: neither pkg-config and Check, nor a way to install them (cmake/setup tests)"
    fi
    [[ $tests == ON ]] || targets=(smx smx_bench_cuda)
    # shellcheck disable=SC2086 # several options, as for a command line
    quietly "configuring for sm_$1 (preset profiling-gpu)" cmake --preset profiling-gpu -DCMAKE_CUDA_ARCHITECTURES="$1-real" \
        -DSMX_TESTS=$tests ${SMX_CMAKE_OPTIONS:-}
    quietly "building" cmake --build "$build" -j "$(nproc)" --target "${targets[@]}"
    say "built after $SECONDS s"
}

# run_sanitizer TOOL: on some suites, one after the other.
run_sanitizer() {
    local suite out=$measured/sanitizer-$1.log status
    for suite in "${suites[@]}"; do
        status=0
        echo "== $1, suite $suite" >>"$out"
        CK_RUN_SUITE=$suite SMX_TEST_SIZE=small SMX_TEST_BACKEND=cuda SMX_TEST_LABEL="cuda $1" timeout 45 compute-sanitizer --tool "$1" \
            --error-exitcode 99 "$build/tests/smx_tests" >"$out.part" 2>&1 || status=$?
        cat "$out.part" >>"$out"
        judge "compute-sanitizer $1 on suite $suite" $status "$out.part"
        rm -f "$out.part"
    done
}

# run_tests NAME PROGRAM ENVIRONMENT...
run_tests() {
    local status=0
    env SMX_TEST_BACKEND=cuda SMX_TEST_LABEL=cuda "${@:3}" timeout 180 "$2" >"$measured/$1.log" 2>&1 || status=$?
    judge "$1 on cuda" $status "$measured/$1.log"
}

# Everything that checks runs at once: nothing is timed meanwhile.
run_checks() {
    local tool job jobs=()
    [[ -x $build/tests/smx_tests ]] && grep -q '^SMX_TESTS:BOOL=ON' "$build/CMakeCache.txt" || return 0
    say "tests and sanitizers, at once"
    if ! skipped tests; then
        run_tests tests-even "$build/tests/smx_tests" SMX_TEST_PART=even &
        jobs+=($!)
        run_tests tests-odd "$build/tests/smx_tests" SMX_TEST_PART=odd &
        jobs+=($!)
        run_tests tests-process "$build/tests/smx_tests_process" &
        jobs+=($!)
    fi
    if ! skipped sanitizers; then
        if command -v compute-sanitizer >/dev/null; then
            for tool in "${tools[@]}"; do
                run_sanitizer "$tool" &
                jobs+=($!)
            done
        else note skipped "sanitizers: no compute-sanitizer on PATH"; fi
    fi
    for job in "${jobs[@]}"; do wait "$job" || true; done
    say "checked after $SECONDS s"
}

# The library of cuDNN that a Python package has brought, if the loader knows none.
find_cudnn() {
    local python
    for python in ${PYTHON:+"$PYTHON"} python3; do
        "$python" -c 'import glob, nvidia.cudnn as c; print(glob.glob(list(c.__path__)[0] + "/lib/libcudnn.so*")[0])' 2>/dev/null && return
    done
    return 0
}

run_benchmark() {
    say "smx, cuDNN and the memory, for $seconds s"
    SMX_CUDNN_LIBRARY=${SMX_CUDNN_LIBRARY:-$(find_cudnn)} timeout $((3 * seconds + 60)) "$build/profiling/smx_bench_cuda" "${scope[@]}" \
        --filter "$filter" --seconds "$seconds" --out "$measured/smx.json" >>"$log" 2>&1 && return
    tail -n 5 "$log" >&2
    note FAILED "smx_bench_cuda: $log says how"
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$measured/smx.json" 2>/dev/null || rm -f "$measured/smx.json"
}

run_torch() {
    local python
    python=$(find_torch)
    if [[ -z $python ]]; then
        say "no Python here has PyTorch: it is no peer"
        return
    fi
    say "PyTorch and what is installed beside it, for $seconds s"
    "$build/profiling/smx_bench_cuda" "${scope[@]}" --list_cases 2>>"$log" |
        timeout $((seconds * 3 / 2 + 20)) "$python" "$root/profiling/bench_cuda/torch_cuda.py" --library "$build/libsmx.so" \
            --seconds "$seconds" --filter "$filter" --out "$measured/torch.json" >>"$log" 2>&1 && return
    say "PyTorch failed, and is left out; $log says how"
    rm -f "$measured/torch.json"
}

run_counters() {
    if ! command -v ncu >/dev/null; then
        note skipped "counters of Nsight Compute: no ncu on PATH"
        return
    fi
    say "counters of the main kernels (Nsight Compute)"
    local metrics=gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed,dram__bytes.sum
    metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active,launch__registers_per_thread,launch__grid_size,launch__block_size
    metrics+=',regex:smsp__average_warps_issue_stalled_.*_per_issue_active\.ratio'
    if timeout 75 ncu --clock-control none --kernel-name-base demangled --kernel-name regex:row_ --metrics "$metrics" --page raw --csv \
        "$build/profiling/smx_bench_cuda" --once --filter "$profiled" >"$measured/counters.csv" 2>"$measured/counters.err" &&
        "$root/profiling/reporting/counters.py" "$measured/counters.csv" >"$measured/counters.md"; then return; fi
    note skipped "counters of Nsight Compute: $(cat "$measured"/counters.{err,csv} 2>/dev/null | grep -m 1 -iE 'error|fail' ||
        echo 'not done in time')"
    rm -f "$measured/counters.md" "$measured/counters.csv"
}

write_report() {
    local options=() file load=unknown commit
    if [[ ! -e $measured/smx.json ]]; then
        say "no times: nothing is written to profiling/results; what there is lies in $measured"
        [[ ! -e $measured/counters.md ]] || cat "$measured/counters.md"
        return
    fi
    [[ ! -r /proc/loadavg ]] || load=$(cat "$measured/load")
    commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
    for file in "$measured"/*.log "$measured"/counters.*; do
        [[ ! -s $file ]] || options+=(--attach "$file")
    done
    "$root/profiling/report" --commit "${SMX_COMMIT:-$commit}" --load "$load" --results "$root/profiling/results" \
        --resources "$root/profiling/resources.tsv" --checks "$checks" "${options[@]}" "$measured"/*.json
}

measure_gpu() {
    local gpu capability
    if ! gpu=$(find_gpu) || [[ -z $gpu ]]; then
        say "there is no GPU here (nvidia-smi is missing or finds none): nothing was built or measured"
        say "profiling/run --rehearse builds and runs the same programs on the emulator"
        exit 3
    fi
    capability=$(cut -d, -f2 <<<"$gpu" | tr -dc 0-9)
    command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
    command -v nvcc >/dev/null || { say "there is a GPU ($gpu) but no nvcc: put it on PATH" && exit 3; }
    for tool in cmake ninja; do
        command -v "$tool" >/dev/null || timeout 60 "$root/cmake/setup" build >&2 || true
        command -v "$tool" >/dev/null || { say "$tool is missing" && exit 3; }
    done
    mkdir -p "$root/build"
    rm -rf "$measured"
    mkdir -p "$measured"
    : >"$log"
    : >"$checks"
    cut -d ' ' -f1 /proc/loadavg >"$measured/load" 2>/dev/null || true
    say "$gpu"
    build_for "$capability"
    run_checks
    skipped benchmark || run_benchmark
    skipped benchmark || skipped torch || run_torch
    skipped counters || run_counters
    write_report
    say "$((SECONDS / 60)) min $((SECONDS % 60)) s in all; the log is $log"
    sort "$checks" >&2
    if grep -q ^FAILED "$checks"; then exit 1; fi
    if ! grep -q '^passed: tests' "$checks" || grep -qE '^skipped: (tests|sanitizers|compute-sanitizer)' "$checks"; then exit 77; fi
}

# The same programs without a GPU: the library on the emulator, PyTorch on the CPU. It shows that they run, and nothing about times.
rehearse_gpu() {
    local folder=$root/build/rehearsal python
    rm -rf "$folder/measured"
    mkdir -p "$folder/measured"
    : >"$log"
    quietly "configuring (preset simt, in build/rehearsal)" cmake --preset simt -B "$folder" -DSMX_PROFILING=ON
    quietly "building the library on the emulator: this takes minutes" cmake --build "$folder" -j "$(nproc)" \
        --target smx_bench_cuda_simt smx
    quietly "smx_bench_cuda on the emulator" "$folder/profiling/smx_bench_cuda_simt" --tiny --no-peers --filter "$filter" --seconds 20 \
        --out "$folder/measured/smx.json"
    python=$(find_torch)
    if [[ -n $python ]]; then
        "$folder/profiling/smx_bench_cuda_simt" --tiny --list_cases 2>>"$log" |
            OMP_NUM_THREADS=1 "$python" "$root/profiling/bench_cuda/torch_cuda.py" --device cpu --library "$folder/libsmx.so" \
                --filter "$filter" --out "$folder/measured/torch.json" >>"$log" 2>&1 ||
            { say "torch_cuda.py failed; $log says how" && exit 1; }
    else say "no Python here has PyTorch: torch_cuda.py is not rehearsed"; fi
    "$root/profiling/report" --print-only --commit rehearsal --load unknown --results "$folder" "$folder"/measured/*.json
    say "a rehearsal: these times are of the emulator and not of a GPU; nothing was written to profiling/results"
}

#!/usr/bin/env python3
"""Runs the planted bugs in every build and fails unless each is noticed where it was noticed before.

usage: planted.py PLAIN ASAN CHECK
"""
import os
import subprocess
import sys

RUNS = ['plain', 'seed', 'asan', 'check']
# How many bugs each run notices, measured; a change that notices more raises these numbers.
EXPECTED = {'plain': 25, 'seed': 26, 'asan': 28, 'check': 34}


def outcomes(program, **environment):
    """name of the bug -> how it was noticed, '.' if it was not"""
    environment = dict(os.environ, ASAN_OPTIONS='exitcode=77', UBSAN_OPTIONS='exitcode=77', **environment)
    for name in ('SIMT_CC', 'SIMT_LAX', 'SIMT_PREEMPT', 'SIMT_DEVICES', 'SIMT_DRIVER', 'SIMT_MEMORY'):
        environment.pop(name, None)
    lines = subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line[2:]: line[0] for line in lines}


def main():
    plain, asan, check = sys.argv[1:]
    programs = [plain, plain, asan, check]
    results = [outcomes(program, SIMT_SEED='5' if run == 'seed' else '0') for run, program in zip(RUNS, programs)]
    names = list(results[0])
    controls = [name for name in names if name.startswith('control')]
    bugs = [name for name in names if name not in controls]

    print('E error of the emulator or checker  S sanitizer  W wrong result  H hangs  C crash  . not noticed')
    print(' '.join(f'{run:6}' for run in RUNS))
    for name in names:
        print(' '.join(f'{result.get(name, "."):6}' for result in results), name)

    failures = []
    for run, result in zip(RUNS, results):
        noticed = sum(result.get(bug, '.') != '.' for bug in bugs)
        print(f'{run}: {noticed} of {len(bugs)} noticed, expected {EXPECTED[run]}')
        if noticed < EXPECTED[run]:
            failures.append(f'{run} notices {noticed} bugs, {EXPECTED[run]} expected')
    missed = [bug for bug in bugs if all(result.get(bug, '.') == '.' for result in results)]
    failures += [f'no build notices: {bug}' for bug in missed]
    noisy = [control for control in controls if any(result.get(control) != '.' for result in results)]
    failures += [f'not quiet: {control}' for control in noisy]
    for failure in failures:
        print('FAILED:', failure)
    print(f'planted bugs: {len(bugs) - len(missed)} of {len(bugs)} noticed, {len(controls) - len(noisy)} of {len(controls)} controls quiet')
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())

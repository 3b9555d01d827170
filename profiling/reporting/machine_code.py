"""What a thread has on its way from global memory at once, as the machine code of a kernel tells it: each load names one of six barriers,
and whoever needs what it brings waits for that barrier. Found by compiling small kernels; sm_70 to sm_90.

An instruction has 16 bytes. Low word: operation in bits 0 to 11, predicate in 12 to 14 (7: always) with its sign in 15; of a branch the
distance from the next instruction in bits 32 to 63, in bytes; from sm_90 on in bits 34 to 63 and, the lowest 8 bits, 16 to 23, in words; its
sign goes on in the high word. High word: width of an access in bits 9 to 11, a branch's own predicate in 23 to 25 and its sign in 26, the
barrier that is set in 46 to 48 (7: none), those that are waited for in 52 to 57."""
import struct

LOAD, LOAD_GENERIC = 0x181, 0x180  # low 9 bits
BRANCH, EXIT, RETURN, JUMP = 0x947, 0x94D, 0x950, 0x94A
SIXTEEN_BYTES = 6
ALWAYS = 7
MOST = 1024  # as much as the registers of a thread hold: a loop that never waits


def distance_of(low, high, arch):
    """Of a branch, in instructions."""
    bits = low >> 32 | (high & 0x3FFFF) << 32
    bits -= (bits >> 49 & 1) << 50
    return (bits if arch < 90 else (bits >> 2) * 1024 + (low >> 16 & 0xFF) * 4) // 16


def decoded(code, arch):
    """(does it load 16 bytes, barrier set, barriers waited for, where to go on) of every instruction"""
    instructions = []
    for at, (low, high) in enumerate(struct.iter_unpack("<QQ", code)):
        loads = low & 0x1FF in (LOAD, LOAD_GENERIC) and high >> 9 & 7 == SIXTEEN_BYTES
        operation, always = low & 0xFFF, low >> 12 & 0xF == ALWAYS
        follows = [at + 1]
        if operation == BRANCH:
            target = at + 1 + distance_of(low, high, arch)
            follows = [target] if always and high >> 23 & 0xF == ALWAYS else [at + 1, target]
        elif operation in (EXIT, RETURN, JUMP) and always:
            follows = []
        instructions.append((loads, high >> 46 & 7, high >> 52 & 63, follows))
    return instructions


def most_on_the_way(code, arch):
    """Bytes of the loads of 16 bytes, on the way through the code that has most of them outstanding; arch: 80 for sm_80."""
    instructions = decoded(code, arch)
    arrived = {}  # at an instruction behind a branch: what was outstanding, of all ways there, but where another had as much at each barrier
    work = [(0, (0,) * 6)]
    most = 0
    while work:
        at, outstanding = work.pop()
        others = arrived.setdefault(at, [])
        if any(all(a <= b for a, b in zip(outstanding, other)) for other in others):
            continue
        others.append(outstanding)
        while 0 <= at < len(instructions):
            loads, barrier, waited, follows = instructions[at]
            outstanding = tuple(0 if waited >> k & 1 else outstanding[k] for k in range(6))
            if loads and barrier < 6:
                outstanding = tuple(there + 16 * (k == barrier) for k, there in enumerate(outstanding))
            if sum(outstanding) > MOST:
                break
            most = max(most, sum(outstanding))
            if follows != [at + 1]:
                work.extend((other, outstanding) for other in follows)
                break
            at += 1
    return most

/* One input of the fuzzer: a call read from bytes is judged, made, and its outcome compared with the judgement and the oracle. */
#define _POSIX_C_SOURCE 200112L /* setenv */

#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "choice.h"
#include "data.h"
#include "finding.h"
#include "internal.h" /* smx_pin_plan */

#ifndef FUZZ_BACKEND
#define FUZZ_BACKEND SMX_BACKEND_CPU
#endif

static smxHandle_t handles[3]; /* on the CPU one per instruction set */

/* Of all rows together, unless there is only one: many small calls find more than few large ones. */
enum { MOST_ELEMENTS = FUZZ_BACKEND == SMX_BACKEND_CPU ? 3000 : 1000 };

enum { FIRST_BYTE_OF_CHOICES = 240 }; /* of an input; others are calls of the softmax family */

static void open_handles(void) {
    static const char *const isas[] = {"baseline", "avx2", "avx512"};

    for (size_t i = 0; i < 3; i++) {
        setenv("SMX_CPU_ISA", isas[i], 1);
        if (smxCreateWithBackend(&handles[i], FUZZ_BACKEND) != SMX_STATUS_SUCCESS) {
            fprintf(stderr, "no handle: %s\n", smxGetLastErrorMessage());
            exit(EXIT_FAILURE);
        }
    }
}

/* ---- memory ---- */

enum { SOME_BYTES = 64 }; /* for what must not be touched */

static void make_pieces(fuzz_call *f) {
    size_t bytes[OPERANDS] = {0};

    for (int i = 0; i < OPERANDS; i++) {
        const operand *o = &f->operands[i];
        size_t extent;
        if (!o->taken || o->is_null) continue;
        if (!layout_extent(&o->layout, &extent)) extent = SOME_BYTES;
        if (o->at + extent > bytes[o->piece]) bytes[o->piece] = o->at + extent;
    }
    for (int i = 0; i < OPERANDS; i++) f->pieces[i] = piece_make(f->call.handle, bytes[i]);
}

static void mark_written(fuzz_call *f) {
    for (int i = 0; i < OPERANDS; i++) {
        const operand *o = &f->operands[i];
        if (!o->taken || o->is_null || !o->written) continue;
        const size_t width = element_bytes(o->layout.type);
        for (int64_t r = 0; r < o->layout.outer * o->layout.inner; r++)
            for (int64_t c = 0; c < o->layout.cols; c++)
                memset(f->pieces[o->piece].may_change + o->at + layout_place(&o->layout, r, c), 1, width);
    }
}

static void *pointer(const fuzz_call *f, operand_name name) {
    const operand *o = &f->operands[name];
    return !o->taken || o->is_null ? NULL : f->pieces[o->piece].backend + o->at;
}

static void pass_operands(fuzz_call *f) {
    library_call *c = &f->call;
    const operand *second = &f->operands[OPERAND_SECOND];

    c->x_layout = f->operands[OPERAND_X].layout;
    c->dy_layout = second->layout;
    c->out_layout = f->operands[OPERAND_OUT].layout;
    c->x = pointer(f, OPERAND_X);
    c->dy = pointer(f, OPERAND_SECOND);
    c->out = pointer(f, OPERAND_OUT);
    c->loss = pointer(f, OPERAND_LOSS);
    c->lse = pointer(f, OPERAND_LSE);
    c->grad_loss = pointer(f, OPERAND_GRAD_LOSS);
    c->cross_entropy.classWeights = pointer(f, OPERAND_WEIGHTS);
    c->cross_entropy.deviceDivisor = pointer(f, OPERAND_DIVISOR);
    c->targets.data = pointer(f, has_probabilities(f) ? OPERAND_SECOND : OPERAND_TARGETS);
    c->targets.outerStride = second->layout.outerStride;
    c->targets.colStride = second->layout.colStride;
}

/* ---- one call ---- */

/* The caller's workspace: as large as the library asks for, or less. */
static piece lend_workspace(const fuzz_call *f, smxHandle_t handle) {
    piece workspace = {0};
    size_t bytes = 0;

    if (f->workspace_less < 0) return workspace;
    if (smxGetWorkspaceSize(handle, f->call.op, &f->operands[OPERAND_X].layout, &bytes) != SMX_STATUS_SUCCESS) return workspace;
    if (bytes < (size_t)f->workspace_less || bytes > 1 << 20) return workspace;
    workspace = piece_make(handle, bytes - (size_t)f->workspace_less);
    if (smxSetWorkspace(handle, workspace.backend, workspace.bytes) != SMX_STATUS_SUCCESS)
        finding(f, "smxSetWorkspace: %s", smxGetLastErrorMessage());
    return workspace;
}

static void require_right_bytes_written(const fuzz_call *f, bool succeeded) {
    for (int i = 0; i < OPERANDS; i++) {
        const int64_t byte = piece_changed(&f->pieces[i], succeeded);
        if (byte >= 0)
            finding(f, "byte %lld of piece %d was written to, the call %s", (long long)byte, i, succeeded ? "succeeded" : "failed");
    }
}

static void check_outcome(const fuzz_call *f, const judgement *j, smxStatus_t status) {
    const char *message = smxGetLastErrorMessage();

    if (status == SMX_STATUS_SUCCESS) {
        if (j->verdict == MUST_BE_REFUSED) finding(f, "a wrong call succeeded: %s", j->reason);
        require_right_bytes_written(f, true);
        compare_results(f);
        return;
    }
    if (j->verdict == MUST_SUCCEED) finding(f, "a right call was refused: %s", message);
    if (strstr(message, op_function(f->call.op)) == NULL) finding(f, "the message does not name the call: '%s'", message);
    if (status != SMX_STATUS_NOT_INITIALIZED && status != SMX_STATUS_INVALID_VALUE && status != SMX_STATUS_NOT_SUPPORTED &&
        !(status == SMX_STATUS_WORKSPACE_TOO_SMALL && f->workspace_less > 0))
        finding(f, "status %d: %s", (int)status, message);
    require_right_bytes_written(f, false);
    int64_t bad = -1;
    if (smxGetBadTargets(handles[f->handle], &bad, NULL) != SMX_STATUS_SUCCESS || bad != 0)
        finding(f, "%lld bad targets were counted by a call that failed", (long long)bad);
}

int fuzz_one_input(const uint8_t *data, size_t size) {
    byte_source b = {data, size};

    if (handles[0] == NULL) open_handles();
    if (size > 1 && data[0] >= FIRST_BYTE_OF_CHOICES) {
        byte_source rest = {data + 2, size - 2};
        fuzz_choice(handles[data[1] % 3], &rest, MOST_ELEMENTS);
        return 0;
    }
    fuzz_call f = call_of_bytes(&b, MOST_ELEMENTS);
    const judgement j = judge(&f, FUZZ_BACKEND == SMX_BACKEND_CPU);
    if (j.too_large && j.verdict != MUST_BE_REFUSED) return 0;

    smxHandle_t handle = handles[f.handle];
    f.call.handle = handle;
    make_pieces(&f);
    if (j.verdict != MUST_BE_REFUSED) {
        fill_operands(&f, &b);
        mark_written(&f);
    }
    for (int i = 0; i < OPERANDS; i++) piece_upload(handle, &f.pieces[i]);
    pass_operands(&f);
    if (getenv("SMX_FUZZ_DESCRIBE") != NULL) describe(&f);

    piece workspace = lend_workspace(&f, handle);
    smx_pin_plan(handle, f.plan_row);
    if (f.without_handle) f.call.handle = NULL;
    const smxStatus_t status = make_call(&f.call);
    f.call.handle = handle;
    smx_pin_plan(handle, -1);
    for (int i = 0; i < OPERANDS; i++) piece_download(handle, &f.pieces[i]);
    check_outcome(&f, &j, status);

    if (workspace.backend != NULL) {
        if (smxSetWorkspace(handle, NULL, 0) != SMX_STATUS_SUCCESS) finding(&f, "smxSetWorkspace: %s", smxGetLastErrorMessage());
        piece_free(handle, &workspace);
    }
    for (int i = 0; i < OPERANDS; i++) piece_free(handle, &f.pieces[i]);
    return 0;
}

/* The k largest elements of a row and their probabilities. Included once per REAL. */
#include "bad_rows.h"
#include "choice.h"

/* ---- the chosen, sorted: the larger element first, of equal ones the smaller column. A heap sort, in the memory of the indices ---- */

static inline REAL R(element_of_row)(const smx_call *call, int64_t row, int64_t column) {
    return R(element)(&call->in, row_offset(&call->in.layout, row) + column * call->in.layout.colStride);
}

static inline bool R(comes_before)(const smx_call *call, int64_t row, int64_t a, int64_t b) {
    const REAL x = R(element_of_row)(call, row, a), y = R(element_of_row)(call, row, b);
    return x > y || (x == y && a < b);
}

/* Of the heap of n indices from `base` on, whose parents come behind their children: lets the one at the root sink to its place. */
static inline void R(sink)(const smx_call *call, int64_t row, int64_t base, int64_t root, int64_t n) {
    const smx_choice *c = &call->choice;
    const int64_t column = chosen(c, base + root);
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && R(comes_before)(call, row, chosen(c, base + child), chosen(c, base + child + 1))) child++;
        if (!R(comes_before)(call, row, column, chosen(c, base + child))) break;
        set_chosen(c, base + root, chosen(c, base + child));
    }
    set_chosen(c, base + root, column);
}

static inline void R(sort_chosen)(const smx_call *call, int64_t row) {
    const smx_choice *c = &call->choice;
    const int64_t base = row * c->per_row;
    for (int64_t root = c->per_row / 2; root-- > 0;) R(sink)(call, row, base, root, c->per_row);
    for (int64_t n = c->per_row; --n > 0;) {
        const int64_t last = chosen(c, base);
        set_chosen(c, base, chosen(c, base + n));
        set_chosen(c, base + n, last);
        R(sink)(call, row, base, 0, n);
    }
}

/* ---- the row ---- */

static inline void R(gather_kept)(const R(urn) * u) {
    const smx_choice *c = &u->call->choice;
    REAL room[SMX_CPU_PIECE];
    int64_t at = u->row * c->per_row;
    FOR_EACH_PIECE((int64_t)0, u->call->cols) {
        const REAL *const x = R(view)(R(TYPE), &u->call->in, u->row, first, PIECE_SIZE, room);
        if (!R(any_reaches)(x, PIECE_SIZE, u->cut)) continue;
        for (int j = 0; j < PIECE_SIZE; j++)
            if (x[j] > u->cut || (x[j] == u->cut && first + j <= u->last_tie)) set_chosen(c, at++, first + j);
    }
}

static void R(top_k_row)(const smx_call *call, int64_t row, bad_rows *bad) {
    const smx_choice *c = &call->choice;
    R(row_room) room;
    R(make_room)(&room, call, false);
    const R(row_state) state = R(state_of_row)((row_form){R(TYPE), false, false}, call, row, &room, false);
    if (!(state.max > (REAL)-INFINITY && state.sum > 0 && state.sum < (REAL)INFINITY)) {
        const bool empty = state.max == (REAL)-INFINITY && state.sum == 0;
        choose_nothing(c, row, empty && call->empty_row == SMX_EMPTY_ROW_ZERO ? 0.0f : NAN);
        add_bad_row(bad, row);
        return;
    }
    R(urn) u;
    R(start_urn)(&u, call, row);
    R(keep_largest)(&u, c->per_row);
    R(gather_kept)(&u);
    R(sort_chosen)(call, row);
    const R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    const REAL factor = R(factor)((REAL)call->scale);
    for (int64_t at = row * c->per_row; at < (row + 1) * c->per_row; at++) {
        const REAL x = R(element_of_row)(call, row, chosen(c, at));
        const REAL probability = R(exponential)(x, d.reference, factor) * d.normalizer;
        c->probabilities[at] = (float)(probability > 1 ? 1 : probability); /* the sum of the row is rounded for itself */
    }
}

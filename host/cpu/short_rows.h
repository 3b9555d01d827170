/* The states of short rows that are taken together. What a row has to wait for, the steps across its lanes, passes while others are worked
 * on. Included once per REAL, by row.h. */

FORCE_INLINE const void *R(short_row)(row_form form, const smx_call *call, int64_t row, int k, R(row_room) * room) {
    return R(elements)(form, &call->in, row + k, 0, (int)R(cols_of)(form, call), room->kept->block + k * room->apart);
}

/* ---- where exponents are counted from starts ---- */

/* One start for all rows at hand: a little below what some elements of the first one say. From there no exponential is smaller than its
 * probability is, nor too large, if the sum is right: from 1 to what it may be. */
typedef struct R(guess) {
    REAL reference, most; /* no sum is right if that is 0 */
    R(origin) origin;
} R(guess);

FORCE_INLINE R(guess) R(guess_for_rows)(row_form form, const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    enum { BELOW_SAMPLE = 20 }; /* powers of two */
    const int cols = (int)R(cols_of)(form, call);
    const REAL factor = R(factor)((REAL)call->scale);
    const void *const x = R(short_row)(form, call, row, 0, room);
    const bool overwrites = keeps && x == R(kept_of_row)(call, row, 0, 0, room); /* then it can be done only once */
    const REAL sample = overwrites ? (REAL)-INFINITY : R(max_across)(R(lanes_of_sample)(form.type, x, cols));
    const REAL reference = sample - BELOW_SAMPLE * room->inverse;
    return (R(guess)){reference, R(most_of_guess)(reference, factor), R(origin_of)(reference, factor, room->inverse)};
}

static inline bool R(is_right)(REAL sum, REAL most) { return (sum >= 1) & (sum < most); }

/* Asks for both ends of the other rows before the first one is read. What the processor fetches ahead by itself begins anew with every
 * page; so it does where rows are about one (1000 columns from memory: 1.05 to 1.3 times as fast), and shorter ones need it not. */
FORCE_INLINE void R(fetch_ends)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    const int cols = (int)R(cols_of)(form, call);
    if (cols <= PIECE || !(form.lies || lies_as(&call->in, form.type))) return;
    for (int k = 1; k < rows; k++) {
        const char *const x = R(short_row)(form, call, row, k, room);
        __builtin_prefetch(x);
        __builtin_prefetch(x + (size_t)(cols - 1) * smx_cpu_element_bytes(form.type));
    }
}

/* Sums from the guess, and the largest elements if no exponentials are kept. */
FORCE_INLINE void R(sum_from_guess)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps,
                                    const R(guess) * g, R(row_states) * s) {
    const int cols = (int)R(cols_of)(form, call);
    const REAL factor = R(factor)((REAL)call->scale);
    R(lanes) part[LANES], largest[LANES];
    upcoming next = R(behind_short_rows)(&call->in, row, rows * cols);
    for (int k = 0; k < rows; k++) {
        REAL *const e = keeps ? R(kept_of_row)(call, row, k, 0, room) : NULL, max;
        const void *const x = R(short_row)(form, call, row, k, room);
        if (cols <= PIECE) {
            part[k] = R(lanes_of_exponentials)(form.type, x, cols, g->origin, factor, next, e, &largest[k]);
        } else {
            part[k] = R(all)(0);
            R(set_lane)(&part[k], 0, (REAL)R(sum_from_start)(form.type, x, cols, g->origin, factor, next, e, NULL, &max));
            if (!keeps) largest[k] = R(all)(max);
        }
        next.at += (size_t)cols * next.each;
    }
    R(across_each)(part, rows, s->sum.of, true);
    if (!keeps) R(across_each)(largest, rows, s->max.of, false);
}

/* By their own max, those for which the guess was no good. */
static inline void R(correct_states)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps,
                                     const R(per_row) * guessed_sum, REAL most, R(row_states) * s) {
    const int cols = (int)R(cols_of)(form, call);
    const upcoming next = R(behind_short_rows)(&call->in, row, rows * cols);
    for (int k = 0; k < rows; k++) {
        if (R(is_right)(guessed_sum->of[k], most)) continue;
        REAL *const e = keeps ? R(kept_of_row)(call, row, k, 0, room) : NULL;
        const void *const x = R(short_row)(form, call, row, k, room);
        const R(row_state) own = R(state_of_block)(form.type, x, cols, (REAL)-INFINITY, R(factor)((REAL)call->scale), next, e, NULL);
        s->max.of[k] = own.max;
        s->sum.of[k] = own.sum;
    }
}

/* Their sums are relative to their max then; or to the start of s->max if exponentials are kept. */
FORCE_INLINE void R(guess_states)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps,
                                  R(row_states) * s) {
    const R(guess) guess = R(guess_for_rows)(form, call, row, room, keeps);
    int wrong = 0;
    FOR_EACH_LANE s->max.of[lane] = guess.reference;
    FOR_EACH_LANE s->sum.of[lane] = lane < rows ? 0 : 1;
    R(fetch_ends)(form, call, row, rows, room);
    if (guess.most > 0) R(sum_from_guess)(form, call, row, rows, room, keeps, &guess, s);
    const R(per_row) sum = s->sum;
    FOR_EACH_LANE wrong += !R(is_right)(sum.of[lane], guess.most);
    if (!keeps) {
        R(per_row) count;
        R(set)(count.of, R(counts_of)(R(get)(s->max.of), guess.origin, R(factor)((REAL)call->scale)));
        FOR_EACH_LANE s->sum.of[lane] = sum.of[lane] / count.of[lane];
    }
    if (wrong > 0) R(correct_states)(form, call, row, rows, room, keeps, &sum, guess.most, s);
}

/* To the normalizers of exponentials that are kept, and to states relative to something that logarithms can be computed from. */
FORCE_INLINE void R(leave_starts)(const R(row_states) * from, REAL factor, R(row_room) * room, R(row_states) * to) {
    const REAL inverse = room->inverse;
    FOR_EACH_LANE room->normalizer.of[lane] = R(normalizer_of_sum)(from->sum.of[lane]);
    FOR_EACH_LANE {
        const R(row_state) s = R(state_from_start)((R(row_state)){from->max.of[lane], from->sum.of[lane]}, factor, inverse);
        to->max.of[lane] = s.max;
        to->sum.of[lane] = s.sum;
    }
}

/* ---- where they are counted from the max ---- */

FORCE_INLINE void R(states_by_max)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps,
                                   R(row_states) * states) {
    const int cols = (int)R(cols_of)(form, call);
    const REAL factor = R(factor)((REAL)call->scale);
    const void *x[LANES];
    R(lanes) part[LANES], largest; /* the largest, then the sums, in each lane, or one of them all */
    memset(states, 0, sizeof *states);
    for (int k = 0; k < rows; k++) {
        x[k] = R(short_row)(form, call, row, k, room);
        part[k] = R(lanes_of_max)(form.type, x[k], cols);
    }
    R(across_each)(part, rows, states->max.of, false);
    upcoming next = R(behind_short_rows)(&call->in, row, rows * cols);
    for (int k = 0; k < rows; k++) {
        REAL *const e = keeps ? R(kept_of_row)(call, row, k, 0, room) : NULL;
        const REAL max = states->max.of[k];
        if (cols <= PIECE && max < (REAL)INFINITY) {
            const R(origin) origin = R(origin_of)(R(reference)(max), factor, room->inverse);
            part[k] = R(lanes_of_exponentials)(form.type, x[k], cols, origin, factor, next, e, &largest);
        } else {
            part[k] = R(all)(0);
            R(set_lane)(&part[k], 0, R(state_below)(form.type, x[k], cols, max, factor, next, e, NULL).sum);
        }
        next.at += (size_t)cols * next.each;
    }
    R(across_each)(part, rows, states->sum.of, true);
    if (keeps) FOR_EACH_LANE room->normalizer.of[lane] = R(normalizer_of_sum)(states->sum.of[lane]);
}

/* ---- either ---- */

FORCE_INLINE void R(states_of_short_rows_of)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps,
                                             R(row_states) * states) {
    if (!FUSES_EXPONENTS) {
        R(states_by_max)(form, call, row, rows, room, keeps, states);
        return;
    }
    R(row_states) guessed;
    R(guess_states)(form, call, row, rows, room, keeps, &guessed);
    if (keeps)
        R(leave_starts)(&guessed, R(factor)((REAL)call->scale), room, states);
    else
        *states = guessed;
}

/* Functions of their own: their loops need every register. */
static __attribute__((noinline)) void R(states_of_short_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room,
                                                              R(row_states) * states) {
    BY_FORM(room->form, R(states_of_short_rows_of), call, row, rows, room, false, states);
}

static __attribute__((noinline)) void R(states_of_kept_short_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room,
                                                                   R(row_states) * states) {
    BY_FORM(room->form, R(states_of_short_rows_of), call, row, rows, room, true, states);
}

/* Starts: what exponents are counted from where one operation computes x * factor - start. Then the max of a row need not be known
 * before its exponentials are: relative to another start they are other numbers by a power of two, and else the same bit for bit. So a
 * start may be guessed, as long as nothing becomes too large. Included once per REAL, after row_state.h.
 *
 * A start is reference * factor, rounded to a whole number. From there element x counts 2^((x - reference) * factor + rest), with the
 * reference's rest, what the rounding took. A reference so large that the product has no digits for it has no start; it has to be
 * subtracted first, and has no rest. */
#ifndef MOST_TO_START_FROM
#define MOST_TO_START_FROM 0x1p16f
#define MOST_IN_A_UNIT 126.0f
#define NOTHING 160.0f /* 2^-that is 0 */
#define LN_2 0.69314718055994530942
#endif

static inline bool R(has_start)(REAL reference, REAL factor) {
    return !FUSES_EXPONENTS || fabsf((float)(reference * factor)) <= MOST_TO_START_FROM;
}

/* Is 2^-start a number, by which powers are multiplied beforehand? */
static inline bool R(has_unit)(REAL reference, REAL factor) {
    return !FUSES_EXPONENTS || fabsf((float)(reference * factor)) <= MOST_IN_A_UNIT;
}

static inline float R(start)(REAL reference, REAL factor) { return (float)(reference * factor) + EXP2_ROUND - EXP2_ROUND; }

static inline REAL R(rest)(REAL reference, REAL factor) {
    if (!FUSES_EXPONENTS) return 0;
    const float rest = multiply_add((float)reference, (float)factor, -R(start)(reference, factor));
    return R(has_start)(reference, factor) ? (REAL)rest : 0;
}

/* Where the functions of lanes.h count exponents from: the reference's start if that has a unit; the reference where there are no starts.
 */
FORCE_INLINE R(origin) R(origin_of)(REAL reference, REAL factor, REAL inverse) {
    if (!FUSES_EXPONENTS) return (R(origin)){reference, 1, 0};
    const float start = R(start)(reference, factor);
    return (R(origin)){(REAL)start, (REAL)bits_to_float(float_to_bits(EXP2_ROUND - start) << 23), ((REAL)start - (REAL)NOTHING) * inverse};
}

/* The same for differences from a reference without a unit. */
static inline R(origin) R(origin_of_differences)(REAL reference, REAL factor) {
    return (R(origin)){0, R(exp2)(R(rest)(reference, factor)), -(REAL)NOTHING / factor};
}

/* What a sum from a guessed reference has to be below for the start of its logarithm to have a unit, too; 0 if that itself has none. */
static inline REAL R(most_of_guess)(REAL guess, REAL factor) {
    const float start = R(start)(guess, factor), most = start > 0 ? 100.0f - start : 100.0f;
    return R(has_unit)(guess, factor) && most > 0 ? (REAL)bits_to_float((uint32_t)(127 + (int)most) << 23) : 0;
}

/* As change_of_max(), for exponentials that are counted from starts. */
static inline REAL R(change_of_start)(REAL max, REAL reference, REAL factor) {
    if (max == reference) return 1;
    if (FUSES_EXPONENTS && R(has_start)(max, factor) && R(has_start)(reference, factor))
        return R(exp2)((REAL)(R(start)(max, factor) - R(start)(reference, factor)));
    return R(exp2)((max - reference) * factor + (R(rest)(reference, factor) - R(rest)(R(reference)(max), factor)));
}

/* The state of a row whose sum is counted from the start of s.max: if possible relative to about its logsumexp, with a sum of about 1 to
 * 2, since of a sum relative to just any number the logarithm would lose digits. */
FORCE_INLINE R(row_state) R(state_from_start)(R(row_state) s, REAL factor, REAL inverse) {
    if (!FUSES_EXPONENTS) return s;
    const uint32_t bits = float_to_bits((float)s.sum), shift = (bits >> 23) - 127;
    const REAL start = (REAL)R(start)(s.max, factor) + (REAL)(int32_t)shift, reference = start * inverse;
    const bool is_finite = (s.sum > 0) & (s.sum < (REAL)INFINITY);
    const bool moves = is_finite & R(has_unit)(s.max, factor) & (fabsf((float)start) <= MOST_IN_A_UNIT);
    const REAL moved = s.sum * (REAL)bits_to_float((127 - shift) << 23);
    const REAL small_rest = (REAL)multiply_add((float)reference, (float)factor, (float)-start);
    const R(row_state) there = {reference, moved - moved * (small_rest * (REAL)LN_2)};
    const R(row_state) here = {s.max, s.sum * R(exp2)(-R(rest)(R(reference)(s.max), factor))};
    return moves ? there : here;
}

/* The type the CPU backend computes with: float, or double for fp64. C has no templates, so the headers of this folder that
 * define functions are included twice, with REAL defined as each; R(name) is the name of that version. No include guard. */
#undef R
#undef R_JOIN_
#undef R_JOIN
#define R_JOIN_(name, real) name##_##real
#define R_JOIN(name, real) R_JOIN_(name, real)
#define R(name) R_JOIN(name, REAL)

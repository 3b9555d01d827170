/* Numbers for the tests: conversion between double and the element types, and a small deterministic generator. */
#ifndef DATA_H
#define DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smx/smx.h"

/* One element in memory; storing rounds to nearest even. `place` need not be aligned. */
double load_element(smxDataType_t type, const void *place);
void store_element(smxDataType_t type, void *place, double value);
void store_index(smxDataType_t type, void *place, int64_t value); /* targets: uint8, int32, int64; keeps the low bits */

size_t element_bytes(smxDataType_t type);
const char *type_name(smxDataType_t type);
double type_max(smxDataType_t type);                   /* the largest finite value */
double type_smallest(smxDataType_t type);              /* the smallest positive one, a denormal */
double type_spacing(smxDataType_t type, double value); /* distance of neighbours at a finite value */
smxDataType_t loss_type(smxDataType_t logits);         /* of losses, lse and upstream gradients */

/* Random numbers: the same sequence for the same seed on every machine. */
typedef struct generator {
    uint64_t state;
} generator;

generator generator_of(uint64_t seed);
uint64_t next_bits(generator *g);
double next_uniform(generator *g);               /* in [0, 1) */
double next_normal(generator *g);                /* mean 0, variance 1, within +-3.5 */
int64_t next_below(generator *g, int64_t limit); /* in [0, limit) */

#endif

/* The plan table, asked about trials. */
#ifndef CHECK_PLAN_H
#define CHECK_PLAN_H

#include "check_trial.h"

/* Does the row accept the trial on this device? Asked as a call would ask. */
bool plan_row_accepts(const smx_plan_row *row, const trial *t);
/* Pinned to its row of the table the trial must succeed if that accepts it, and be refused otherwise. */
void check_pinned(const trial *t);

#endif

/**
 * @file
 * What a report draws, apart from what its documents say: behind the verb's file.
 */
#ifndef HC_CMD_VERBS_REPORT_H
#define HC_CMD_VERBS_REPORT_H

#include "cmd/session.h"

/** How much goes into a report; the bounds are of default, other levels have a part or more. */
enum hc_detail { HC_DETAIL_MINIMAL, HC_DETAIL_DEFAULT, HC_DETAIL_MAX, HC_NUM_DETAILS };

/** Draw what a table of some verb shows, if it is one of those that are drawn. */
void hc_report_draw_table(const struct hc_table *table, FILE *file);

/** Draw the heap: a strip for each arena, in use, lost and free. */
struct hc_error *hc_report_draw_heap(struct hc_session *session, enum hc_detail detail, FILE *file);

#endif

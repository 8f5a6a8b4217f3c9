/**
 * @file
 * Why a lost object was never freed: the cycle of references that it is in.
 *
 *     +88 > 32 bytes +0 > back to it
 */
#ifndef HC_CMD_SHOW_CYCLE_H
#define HC_CMD_SHOW_CYCLE_H

#include "analyzers/leaks/leak_cycle.h"
#include "cmd/session.h"

/**
 * Find the way from a lost object back to itself. Only where an object on it is freed by counting
 * references: elsewhere, lists and back pointers are cycles that mean nothing.
 *
 * @param address user address of a lost chunk
 * @return no steps where there is none
 */
struct hc_leak_cycle hc_cycle_of(const struct hc_session *session, uint64_t address);

/** The pointers on it, and what they stand in. */
struct hc_cell hc_cycle_phrase(const struct hc_session *session, const struct hc_leak_cycle *cycle,
			       struct hc_document *doc);

/** The array "cycle": address, size, type and offset of each step. Null without steps. */
void hc_cycle_describe(const struct hc_session *session, const struct hc_leak_cycle *cycle,
		       struct hc_document *doc);

#endif

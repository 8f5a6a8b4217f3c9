/**
 * @file
 * What a pattern can't say of a secret: check digits, and which of many values it is.
 *
 * A signature of kind "secret" may name one of these after "check =" (checks.h). It gets what the
 * group called "secret" matched and says which of those bytes are to be hidden. Nothing here
 * allocates; all are linear in the bytes.
 */
#ifndef HC_ANALYZERS_CONTENT_SECRET_CHECKS_H
#define HC_ANALYZERS_CONTENT_SECRET_CHECKS_H

#include "core/base/bytes.h"

/**
 * A number of a payment card: 12 to 19 digits, with blanks or hyphens between them, whose last is
 * the check digit of ISO/IEC 7812-1 (Luhn's formula). One number in ten passes by chance, so the
 * pattern must know how those of the issuers begin.
 *
 * @param[out] flags a byte for each of @p text, set to 1 where it is to be hidden
 */
void hc_secret_luhn(struct hc_bytes text, uint8_t *flags);

/**
 * An international bank account number of ISO 13616: two letters of a country that has them, of the
 * length that it has there, and 1 modulo 97 (ISO 7064). Blanks between are fine.
 */
void hc_secret_iban(struct hc_bytes text, uint8_t *flags);

/**
 * The list of columns and the rows of an SQL INSERT, "(name, password) VALUES ('joe', 'x'), …": the
 * literals that stand in columns which are called password, token, pin, card number and the like.
 */
void hc_secret_sql_insert(struct hc_bytes text, uint8_t *flags);

#endif

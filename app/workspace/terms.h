/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/key-file.h"
#include "app/workspace/permissions.h"

G_BEGIN_DECLS

/*
 * What a workspace's issuer and its user agreed upon, signed by the issuer; and renewals, which change how
 * long it lasts. Times are seconds since 1970, UTC.
 *
 * Threading: none; plain values.
 */
typedef enum {
  EXPIRY_NEVER,
  EXPIRY_DATE,  /* at that time */
  EXPIRY_START, /* so many seconds after the first start */
  EXPIRY_USE,   /* after so many seconds for which it ran */
} ExpiryKind;
extern const char *const expiry_kind_names[]; /* "never", "date", "start", "use"; NULL ends */

typedef struct {
  ExpiryKind kind;
  int64_t at; /* seconds since 1970, or just seconds; 0 with EXPIRY_NEVER */
} Expiry;

typedef enum {
  AFTERWARDS_ARCHIVE, /* it stays, and stays locked */
  AFTERWARDS_DESTROY,
} Afterwards;
extern const char *const afterwards_names[]; /* NULL ends */

typedef struct {
  char *id;         /* a UUID: of the workspace */
  char *machine;    /* UUID of the one machine that they are for */
  char *issuer;     /* public key, as seal_public_key */
  char *subject;    /* who may use it: a name */
  char *origin;     /* (nullable): UUID of the template */
  unsigned version; /* of the template; 0: none */
  char *profile;    /* the name of what the permissions were taken from */
  int64_t issued;
  Expiry expiry;
  int64_t grace; /* seconds between the expiry and what comes then */
  Afterwards afterwards;
  Permissions permissions;
  char *digest; /* of the signed text; NULL before it is signed */
} Terms;

#define TERMS_MAX_SECONDS (INT64_C (100) * 366 * 24 * 3600)
#define TERMS_MAX_DATE    INT64_C (253402300799) /* 9999-12-31 */
/* What is to be destroyed is kept for a day at least. */
#define TERMS_MIN_GRACE_TO_DESTROY (INT64_C (24) * 3600)

/* Whether they make sense. The error names the member. */
bool terms_check (const Terms *terms, GError **error);
/* The signed text of terms that make sense. terms->issuer becomes @secret's, terms->digest the text's.
 * (transfer full), or NULL with @error set. */
char *terms_sign (Terms *terms, const KeyBytes secret, GError **error);
/* Reads what terms_sign wrote; any bytes. (transfer full), or NULL with @error set, as seal_open_signed. */
Terms *terms_read (const char *text, gsize length, const char *file, GError **error);
void terms_free (Terms *terms);

/* --- renewals --- */

typedef struct {
  unsigned number; /* 1, 2, …: the how manieth of the workspace */
  char *follows;   /* digest of the terms, or of the renewal before */
  int64_t issued;
  Expiry expiry; /* from now on */
  bool mends;    /* the issuer has seen that the record of the lease is lost or that its clock is wrong: it
                    begins anew at @issued, and the time of use at 0 */
  char *digest;
} Renewal;

/* (transfer full), or NULL with @error set: the expiry makes no sense. renewal->digest becomes the text's. */
char *renewal_sign (Renewal *renewal, const KeyBytes secret, GError **error);
/* @follows: the digest of what it has to follow, @number: which it has to be. (transfer full), or NULL with
 * @error set: it is not the issuer's, or of something else. */
Renewal *renewal_read (const char *text, gsize length, const char *file, const Terms *terms,
                       const char *follows, unsigned number, GError **error);
void renewal_free (Renewal *renewal);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Terms, terms_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Renewal, renewal_free)

G_END_DECLS

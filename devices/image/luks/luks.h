/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/image/store.h"

G_BEGIN_DECLS

/*
 * A LUKS1 header (LUKS On-Disk Format Specification, version 1.2.3) somewhere in a store: up to eight
 * passphrases, each of which unlocks the one key that the sectors are encrypted with. What a header says is
 * checked field by field when it is opened.
 *
 * Threading: luks_crypt: any thread, several at a time. Everything else blocks, and is one caller's at a
 * time. Errors: VMM_ERROR_INVALID (a header that makes no sense), UNSUPPORTED (a cipher that isn't AES),
 * PERMISSION (the passphrase), FAILED (the store).
 */
typedef struct Luks Luks;

#define LUKS_SLOTS       8u
#define LUKS_SECTOR_SIZE 512u
#define LUKS_HEADER_SIZE 2068480u /* of a header that luks_create makes, with all key material, bytes */

/* How long a new passphrase keeps whoever guesses busy, and its owner. */
#define LUKS_DEFAULT_MILLISECONDS 2000u

/**
 * luks_open:
 * @offset: where the header starts in @store, bytes
 * @length: bytes from there on that may be the header's: key material beyond is refused
 *
 * Returns: (transfer full): locked; @store must outlive it.
 */
Luks *luks_open (ImageStore *store, uint64_t offset, uint64_t length, GError **error);
void luks_free (Luks *luks); /* wipes the key. NULL is ignored */

/* Writes a new header with a random key under aes-xts-plain64 and one passphrase, LUKS_HEADER_SIZE bytes, and
 * syncs. @milliseconds: 0 takes the default. Opens it on the way: (transfer full), unlocked. */
Luks *luks_create (ImageStore *store, uint64_t offset, const ImageSecret *secret, unsigned milliseconds,
                   GError **error);

/* Tries all slots, some seconds each, unless @keys (nullable) has the key already; then it has. */
bool luks_unlock (Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error);
/* @keys (nullable) gets the key of an unlocked one that @secret opens. */
void luks_share_key (const Luks *luks, const ImageSecret *secret, ImageKeys *keys);
bool luks_is_unlocked (const Luks *luks);
/* Unlocks it by the key of @other if that is unlocked and the same: headers that were copied. Whether it is
 * unlocked. */
bool luks_unlock_by (Luks *luks, const Luks *other);
/* @keys gets the key of an unlocked one, for headers that are opened without a passphrase; and unlocks one
 * so. Nothing is derived. The second: whether it is unlocked. */
void luks_lend_key (const Luks *luks, ImageKeys *keys);
bool luks_borrow_key (Luks *luks, ImageKeys *keys);

/* Of an unlocked one; durable when they return. A power cut on the way leaves the old passphrases. */
bool luks_add_secret (Luks *luks, const ImageSecret *secret, unsigned milliseconds, GError **error);
/* @keys (nullable): which slot a passphrase opens that was used before isn't tried out again. Refuses to
 * remove the last one. */
bool luks_remove_secret (Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error);
bool luks_change_secret (Luks *luks, const ImageSecret *old_secret, const ImageSecret *new_secret,
                         unsigned milliseconds, ImageKeys *keys, GError **error);

/* Makes @luks, unlocked and with the same key, have the passphrases of @other and no more. Durable when it
 * returns; a power cut on the way leaves some that one of them had. */
bool luks_adopt_secrets (Luks *luks, const Luks *other, GError **error);

/* Wipes the key under all passphrases, so that nothing opens it ever again; also of a locked one. Durable
 * when it returns, and verified. */
bool luks_shred (Luks *luks, GError **error);

/* In place; @size a multiple of LUKS_SECTOR_SIZE, @sector the number that the first one's vector comes from.
 * Unlocked only. */
void luks_crypt (const Luks *luks, uint64_t sector, uint8_t *data, size_t size, bool encrypt);

const char *luks_cipher (const Luks *luks);      /* "aes-xts-plain64" */
unsigned luks_key_bits (const Luks *luks);       /* of the sectors' key, 512 for two of 256 */
const char *luks_uuid (const Luks *luks);        /* printable; may be empty */
unsigned luks_n_secrets (const Luks *luks);      /* 0..LUKS_SLOTS */
uint64_t luks_payload_offset (const Luks *luks); /* as the header says it, bytes from its start */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Luks, luks_free)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/ahci-private.h"

G_BEGIN_DECLS

/* Between atapi.c (packets, sense, tray, reading) and atapi-info.c (what the drive tells of itself and its
 * disc). */

#define CD_BLOCK 2048u

/* Discs beyond what a CD holds (99 minutes) are DVDs. */
#define CD_MAX_BLOCKS (99u * 60 * 75)

typedef void (*AtapiHandler) (AhciCommand *command);

/* Sends as much of the answer as the host has room for (@room: the CDB's allocation length), and ends. */
void atapi_reply (AhciCommand *command, const uint8_t *data, size_t size, size_t room);
void atapi_good (AhciCommand *command);
/* Ends with CHECK CONDITION. */
void atapi_check (AhciCommand *command, uint8_t key, uint8_t asc, uint8_t ascq);
void atapi_invalid_field (AhciCommand *command);

/* The disc in the closed tray, and its blocks; NULL and 0 without. */
Image *atapi_disc (const AhciPort *port);
uint32_t atapi_n_blocks (const AhciPort *port);

void atapi_inquiry (AhciCommand *command);
void atapi_mode_sense (AhciCommand *command);
void atapi_read_toc (AhciCommand *command);
void atapi_get_configuration (AhciCommand *command);
void atapi_get_event_status (AhciCommand *command);
void atapi_read_disc_information (AhciCommand *command);
void atapi_read_disc_structure (AhciCommand *command);
void atapi_mechanism_status (AhciCommand *command);

G_END_DECLS

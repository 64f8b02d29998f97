/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/ethernet/e1000e-registers.h"
#include "devices/ethernet/e1000e.h"
#include "devices/net/net.h"

G_BEGIN_DECLS

/* Between e1000e.c (registers, life), e1000e-phy.c (PHY, EEPROM), e1000e-interrupt.c, e1000e-transmit.c,
 * e1000e-receive.c and e1000e-filter.c. The device's lock is held. Sections are the data sheet's. */

#define E1000E_N_QUEUES  2u
#define E1000E_N_VECTORS 5u
#define E1000E_NVM_WORDS 1024u
#define E1000E_N_PHY     32u

/* What a transmit context descriptor says, section 7.2.6 and 7.2.7. */
typedef struct {
  uint32_t ip;      /* start, offset, end of IP's checksum: 8, 8, 16 bits */
  uint32_t tcp;     /* the same of TCP's or UDP's */
  uint32_t command; /* length of the payload, TUCMD */
  uint32_t sizes;   /* of headers and segments */
} TxContext;

/* An interrupt that must not come too often, section 7.4.4. */
typedef struct {
  LoopTimer *timer;  /* armed: the interval since the last one isn't over */
  uint64_t deadline; /* virtual ns; 0: it is over */
  bool pending;      /* another came meanwhile */
} Throttle;

typedef struct {
  PciDevice pci;
  NetBackend *backend; /* NULL: no network */
  uint8_t mac_address[NET_MAC_SIZE];
  bool link_up;      /* the cable is in */
  bool halted;       /* the machine stands still */
  bool rx_waiting;   /* the backend holds a frame back until there are descriptors */
  uint8_t *tx_frame; /* NET_PACKET_MAX bytes, for the frame at hand */
  uint8_t *rx_frame; /* NET_FRAME_MAX bytes and a check sum */

  uint32_t mac[REG_END / 4]; /* registers; their place is their offset */
  uint16_t phy[E1000E_N_PHY];
  uint16_t nvm[E1000E_NVM_WORDS];
  TxContext contexts[E1000E_N_QUEUES][2];   /* plain, and for segmentation */
  Throttle throttles[1 + E1000E_N_VECTORS]; /* INTx and MSI; MSI-X's vectors */
  uint32_t io_address;
} E1000e;

#define E1000E(device) ((E1000e *)(device))

static inline uint32_t *
e1000e_reg (E1000e *self, unsigned offset)
{
  return &self->mac[offset / 4];
}

/* --- e1000e.c --- */

bool e1000e_has_link (const E1000e *self);
/* A statistics register goes up, and stays at its highest. */
void e1000e_count (E1000e *self, unsigned offset, uint64_t n);
void e1000e_count_frame (E1000e *self, bool sent, const uint8_t *frame, size_t size);

/* A descriptor ring: its registers, checked. */
typedef struct {
  unsigned queue; /* offset of its registers */
  uint64_t base;
  uint32_t n, head, tail;
} Ring;

/* False: it is off, or its registers make no sense. */
bool e1000e_ring_read (E1000e *self, unsigned queue, unsigned descriptor_size, Ring *ring);
void e1000e_ring_set_head (E1000e *self, Ring *ring, uint32_t head);

/* --- e1000e-phy.c --- */

void e1000e_nvm_fill (E1000e *self);
void e1000e_nvm_read (E1000e *self, uint32_t value);
void e1000e_phy_reset (E1000e *self);
void e1000e_phy_set_link (E1000e *self);
void e1000e_mdic_write (E1000e *self, uint32_t value);

/* --- e1000e-interrupt.c --- */

void e1000e_raise (E1000e *self, uint32_t causes);
uint32_t e1000e_icr_read (E1000e *self);
void e1000e_icr_write (E1000e *self, uint32_t value);
void e1000e_unmask (E1000e *self, uint32_t causes);
void e1000e_mask (E1000e *self, uint32_t causes);
void e1000e_throttles_new (E1000e *self);
void e1000e_throttles_reset (E1000e *self);
void e1000e_throttles_free (E1000e *self);
void e1000e_interrupts_loaded (E1000e *self);

extern const StateTable e1000e_throttle_state, e1000e_context_state;

/* --- e1000e-transmit.c, e1000e-receive.c --- */

void e1000e_transmit (E1000e *self, unsigned queue);
extern const NetCardOps e1000e_card_ops;

/* A frame that is held back gets another chance. */
void e1000e_offer_again (E1000e *self);

/* --- e1000e-filter.c --- */

/* Whether the guest wants it, sections 7.1.1 and 7.1.10. */
bool e1000e_filter_passes (E1000e *self, const uint8_t *frame, size_t size);
bool e1000e_is_tagged (E1000e *self, const uint8_t *frame, size_t size);

/* Section 7.1.12: @hash: what the descriptor tells; @type: 0 if none was computed. Returns: the queue. */
unsigned e1000e_rss_queue (E1000e *self, const uint8_t *frame, size_t size, uint32_t *hash, unsigned *type);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e-private.h"
#include "vmm/base/bytes.h"

/* Section 6: what the EEPROM holds; the words that nobody set read as an erased part's. */
enum {
  NVM_MAC = 0x00,
  NVM_COMPATIBILITY = 0x03,
  NVM_VERSION = 0x05,
  NVM_INIT_1 = 0x0a,
  NVM_SUBSYSTEM = 0x0b,
  NVM_SUBSYSTEM_VENDOR = 0x0c,
  NVM_DEVICE = 0x0d,
  NVM_VENDOR = 0x0e,
  NVM_INIT_2 = 0x0f,
  NVM_INIT_3 = 0x24,
  NVM_CHECKSUM = 0x3f,

  NVM_SUM = 0xbaba, /* of words 00h to 3Fh, section 6.1.2.4 */
};

/* Section 10.2.2.7: IEEE 802.3, clause 22, and registers of this PHY's own. */
enum {
  PHY_CONTROL = 0,
  PHY_STATUS = 1,
  PHY_ID1 = 2,
  PHY_ID2 = 3,
  PHY_ADVERTISE = 4,
  PHY_PARTNER = 5,
  PHY_EXPANSION = 6,
  PHY_NEXT_PAGE = 7,
  PHY_1000_CONTROL = 9,
  PHY_1000_STATUS = 10,
  PHY_EXTENDED_STATUS = 15,
  PHY_COPPER_CONTROL = 16,
  PHY_COPPER_STATUS = 17,
  PHY_IRQ_ENABLE = 18,
  PHY_COPPER_CONTROL_2 = 20,
  PHY_PAGE = 22,
  PHY_COPPER_CONTROL_3 = 26,

  CONTROL_RESET = 1 << 15,
  CONTROL_AUTO = 1 << 12,
  CONTROL_RESTART = 1 << 9,
  CONTROL_DUPLEX = 1 << 8,
  CONTROL_1000 = 1 << 6,
  STATUS_ABLE = 0x7949,
  STATUS_AUTO_DONE = 1 << 5,
  STATUS_LINK = 1 << 2,
  COPPER_LINK_1000 = 0xac08, /* 1000 Mb/s, full duplex, resolved */
  COPPER_LINK = 1 << 10,
  PARTNER_ALL = 0xcde1, /* acknowledged; 10 and 100, both duplexes, pause */
  PARTNER_1000 = 0x7c00,

  PHY_ADDRESS = 1,
};

static const uint16_t phy_writable[E1000E_N_PHY] = {
  [PHY_CONTROL] = 0x7dff & ~CONTROL_RESTART,
  [PHY_ADVERTISE] = 0xffff,
  [PHY_NEXT_PAGE] = 0xffff,
  [PHY_1000_CONTROL] = 0xffff,
  [PHY_COPPER_CONTROL] = 0xffff,
  [PHY_IRQ_ENABLE] = 0xffff,
  [PHY_COPPER_CONTROL_2] = 0xffff,
  [PHY_PAGE] = 0xffff,
  [PHY_COPPER_CONTROL_3] = 0xffff,
};

/* --- EEPROM --- */

void
e1000e_nvm_fill (E1000e *self)
{
  uint16_t sum = 0;

  memset (self->nvm, 0xff, sizeof self->nvm);
  for (unsigned i = 0; i < 3; i++)
    self->nvm[NVM_MAC + i] = load_le16 (self->mac_address + (size_t)i * 2);
  self->nvm[NVM_COMPATIBILITY] = 0;
  self->nvm[NVM_VERSION] = 0x1000;
  self->nvm[NVM_INIT_1] = 0x0001;
  self->nvm[NVM_SUBSYSTEM] = 0;
  self->nvm[NVM_SUBSYSTEM_VENDOR] = 0x8086;
  self->nvm[NVM_DEVICE] = 0x10d3;
  self->nvm[NVM_VENDOR] = 0x8086;
  self->nvm[NVM_INIT_2] = 0x0001;
  self->nvm[NVM_INIT_3] = 0; /* no wake-up */
  for (unsigned i = 0; i < NVM_CHECKSUM; i++)
    sum = (uint16_t)(sum + self->nvm[i]);
  self->nvm[NVM_CHECKSUM] = (uint16_t)(NVM_SUM - sum);
}

/* Section 10.2.2.4. */
void
e1000e_nvm_read (E1000e *self, uint32_t value)
{
  unsigned word = (value >> 2) % (1u << 14);
  uint16_t data = word < E1000E_NVM_WORDS ? self->nvm[word] : 0xffff;

  if (value & EERD_START)
    value = (uint32_t)data << 16 | word << 2 | EERD_DONE;
  *e1000e_reg (self, REG_EERD) = value;
}

/* --- PHY --- */

void
e1000e_phy_set_link (E1000e *self)
{
  uint16_t *phy = self->phy;
  bool up = e1000e_has_link (self);

  phy[PHY_STATUS] = (uint16_t)(STATUS_ABLE | (up ? STATUS_AUTO_DONE | STATUS_LINK : 0));
  phy[PHY_PARTNER] = up ? PARTNER_ALL : 0;
  phy[PHY_EXPANSION] = up ? 1 : 0;
  phy[PHY_1000_STATUS] = up ? PARTNER_1000 : 0;
  phy[PHY_COPPER_STATUS] = up ? COPPER_LINK_1000 | COPPER_LINK : 0;
}

void
e1000e_phy_reset (E1000e *self)
{
  memset (self->phy, 0, sizeof self->phy);
  self->phy[PHY_CONTROL] = CONTROL_AUTO | CONTROL_DUPLEX | CONTROL_1000;
  self->phy[PHY_ID1] = 0x0141;
  self->phy[PHY_ID2] = 0x0cb1;
  self->phy[PHY_ADVERTISE] = 0x0de1;
  self->phy[PHY_1000_CONTROL] = 0x0e00;
  self->phy[PHY_EXTENDED_STATUS] = 0x3000;
  self->phy[PHY_COPPER_CONTROL] = 0x0078;
  self->phy[PHY_COPPER_CONTROL_2] = 0x0c60;
  e1000e_phy_set_link (self);
}

/* Other pages than the first hold nothing but test registers. */
static bool
is_here (const E1000e *self, unsigned number)
{
  return self->phy[PHY_PAGE] == 0 || number == PHY_PAGE || number < PHY_COPPER_CONTROL;
}

static void
phy_write (E1000e *self, unsigned number, uint16_t value)
{
  uint16_t mask = is_here (self, number) ? phy_writable[number] : 0;

  if (number == PHY_CONTROL && (value & CONTROL_RESET))
    {
      e1000e_phy_reset (self);
      return;
    }
  self->phy[number] = (uint16_t)((self->phy[number] & ~mask) | (value & mask));

  /* Negotiation takes no time; it ends as a change of the link does. */
  if (number == PHY_CONTROL && (value & CONTROL_RESTART) && e1000e_has_link (self))
    e1000e_raise (self, CAUSE_LSC);
}

/* Section 10.2.2.7. */
void
e1000e_mdic_write (E1000e *self, uint32_t value)
{
  unsigned number = value >> 16 & 0x1f, address = value >> 21 & 0x1f, operation = value >> 26 & 3;

  value &= ~(MDIC_READY | MDIC_ERROR);
  if (address != PHY_ADDRESS || (operation != 1 && operation != 2))
    {
      GUEST_ERROR (self, "MDIC: no operation %u on PHY %u", operation, address);
      value |= MDIC_ERROR;
    }
  else if (operation == 1)
    phy_write (self, number, (uint16_t)value);
  else
    value = (value & 0xffff0000) | (is_here (self, number) ? self->phy[number] : 0);
  TRACE (self, "mdic", "%s register=%u value=0x%04x", operation == 1 ? "write" : "read", number,
         value & 0xffff);
  *e1000e_reg (self, REG_MDIC) = value | MDIC_READY;
  if (value & MDIC_IRQ)
    e1000e_raise (self, CAUSE_MDAC);
}

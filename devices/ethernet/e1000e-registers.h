/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Data sheet, section 10.2: offsets in BAR 0, and bits. */
enum {
  REG_CTRL = 0x0000,
  REG_STATUS = 0x0008,
  REG_EEC = 0x0010,
  REG_EERD = 0x0014,
  REG_CTRL_EXT = 0x0018,
  REG_MDIC = 0x0020,
  REG_VET = 0x0038,
  REG_ICR = 0x00c0,
  REG_ITR = 0x00c4,
  REG_ICS = 0x00c8,
  REG_IMS = 0x00d0,
  REG_IMC = 0x00d8,
  REG_EIAC = 0x00dc,
  REG_IAM = 0x00e0,
  REG_IVAR = 0x00e4,
  REG_EITR = 0x00e8, /* 5 */
  REG_RCTL = 0x0100,
  REG_TCTL = 0x0400,
  REG_EXTCNF_CTRL = 0x0f00,
  REG_PBA = 0x1000,
  REG_EEMNGCTL = 0x1010,
  REG_EEWR = 0x102c,
  REG_PSRCTL = 0x2170,
  REG_RX_QUEUE = 0x2800, /* 2, 0x100 apart */
  REG_TX_QUEUE = 0x3800,
  REG_STATISTICS = 0x4000,
  REG_STATISTICS_END = 0x4128,
  REG_RXCSUM = 0x5000,
  REG_RFCTL = 0x5008,
  REG_MTA = 0x5200, /* 128 */
  REG_RAL = 0x5400, /* 16 pairs */
  REG_RAH = 0x5404,
  REG_VFTA = 0x5600, /* 128 */
  REG_MRQC = 0x5818,
  REG_SWSM = 0x5b50,
  REG_FWSM = 0x5b54,
  REG_RETA = 0x5c00,  /* 32 */
  REG_RSSRK = 0x5c80, /* 10 */

  REG_END = 0x6000,
};

/* In a queue's registers. */
enum {
  QUEUE_BAL = 0x00,
  QUEUE_BAH = 0x04,
  QUEUE_LEN = 0x08,
  QUEUE_HEAD = 0x10,
  QUEUE_TAIL = 0x18,
  QUEUE_DCTL = 0x28,
  QUEUE_STRIDE = 0x100,
};

/* Statistics, section 10.2.7. */
enum {
  STAT_PRC64 = 0x405c, /* and five more sizes */
  STAT_GPRC = 0x4074,
  STAT_BPRC = 0x4078,
  STAT_MPRC = 0x407c,
  STAT_GPTC = 0x4080,
  STAT_GORC = 0x4088, /* 64 bits */
  STAT_GOTC = 0x4090,
  STAT_RNBC = 0x40a0,
  STAT_RUC = 0x40a4,
  STAT_ROC = 0x40ac,
  STAT_TOR = 0x40c0,
  STAT_TOT = 0x40c8,
  STAT_TPR = 0x40d0,
  STAT_TPT = 0x40d4,
  STAT_PTC64 = 0x40d8, /* and five more sizes */
  STAT_MPTC = 0x40f0,
  STAT_BPTC = 0x40f4,
  STAT_TSCTC = 0x40f8,
  STAT_IAC = 0x4100,
};

#define BIT(n) (UINT32_C (1) << (n))

#define CTRL_FD             BIT (0)
#define CTRL_SLU            BIT (6)
#define CTRL_RST            BIT (26)
#define CTRL_VME            BIT (30)
#define CTRL_PHY_RST        BIT (31)
#define CTRL_MASTER_DISABLE BIT (2)

#define STATUS_FD            BIT (0)
#define STATUS_LU            BIT (1)
#define STATUS_SPEED_1000    BIT (7)
#define STATUS_PHYRA         BIT (10)
#define STATUS_MASTER_ENABLE BIT (19)

#define EEC_REQ     BIT (6)
#define EEC_GNT     BIT (7)
#define EEC_PRESENT BIT (8)
#define EEC_AUTO_RD BIT (9)

#define EERD_START BIT (0)
#define EERD_DONE  BIT (1)

#define CTRL_EXT_EE_RST BIT (13)
#define CTRL_EXT_EIAME  BIT (24)
#define CTRL_EXT_IAME   BIT (27)

#define MDIC_READY BIT (28)
#define MDIC_IRQ   BIT (29)
#define MDIC_ERROR BIT (30)

#define RCTL_EN      BIT (1)
#define RCTL_UPE     BIT (3)
#define RCTL_MPE     BIT (4)
#define RCTL_LPE     BIT (5)
#define RCTL_DTYP_PS BIT (10)
#define RCTL_BAM     BIT (15)
#define RCTL_VFE     BIT (18)
#define RCTL_BSEX    BIT (25)
#define RCTL_SECRC   BIT (26)

#define TCTL_EN  BIT (1)
#define TCTL_PSP BIT (3)

#define RXCSUM_IPOFLD BIT (8)
#define RXCSUM_TUOFLD BIT (9)
#define RXCSUM_PCSD   BIT (13)

#define RFCTL_EXSTEN BIT (15)

#define RAH_AV BIT (31)

/* Interrupt causes, section 10.2.4.1. */
#define CAUSE_TXDW     BIT (0)
#define CAUSE_TXQE     BIT (1)
#define CAUSE_LSC      BIT (2)
#define CAUSE_RXDMT0   BIT (4)
#define CAUSE_RXO      BIT (6)
#define CAUSE_RXT0     BIT (7)
#define CAUSE_MDAC     BIT (9)
#define CAUSE_SRPD     BIT (16)
#define CAUSE_ACK      BIT (17)
#define CAUSE_MNG      BIT (18)
#define CAUSE_RXQ0     BIT (20)
#define CAUSE_TXQ0     BIT (22)
#define CAUSE_OTHER    BIT (24)
#define CAUSE_ASSERTED BIT (31)
#define CAUSES         UINT32_C (0x01f782d7)

/* Those that MSI-X knows as "other". */
#define CAUSES_OTHER (CAUSE_LSC | CAUSE_RXO | CAUSE_MDAC | CAUSE_SRPD | CAUSE_ACK | CAUSE_MNG)

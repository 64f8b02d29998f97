/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/ahci.h"
#include "devices/storage/scsi.h"

G_BEGIN_DECLS

/*
 * The controller: ahci.c (HBA registers, interrupt, life), ahci-port.c (port registers, resets, FIS
 * reception), ahci-command.c (command list, data, completion), ahci-drives.c (what is plugged in),
 * ahci-state.c; and behind the cable the drives: ata*.c and atapi.c. The device's lock is held everywhere but
 * in ahci-command.c's completion.
 */
typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;
typedef struct AhciCommand AhciCommand;

#define AHCI_N_SLOTS 32u
#define AHCI_MAX_IOV 2048u /* pieces of guest memory per command */

/* ATA8-ACS: status and error registers. */
enum {
  ATA_ERR = 0x01,
  ATA_DRQ = 0x08,
  ATA_SEEK_COMPLETE = 0x10,
  ATA_DF = 0x20,
  ATA_DRDY = 0x40,
  ATA_BSY = 0x80,
  ATA_GOOD = ATA_DRDY | ATA_SEEK_COMPLETE,
};

enum {
  ATA_ERROR_ABRT = 0x04,
  ATA_ERROR_IDNF = 0x10,
  ATA_ERROR_UNC = 0x40,
};

/* AHCI 1.3.1, section 3.1.2: GHC. */
enum {
  AHCI_GHC_HR = 1 << 0,
  AHCI_GHC_IE = 1 << 1,
};
#define AHCI_GHC_AE UINT32_C (0x80000000)

/* Section 3.3.5: PxIS. */
enum {
  PORT_IS_DHRS = 1 << 0,
  PORT_IS_PSS = 1 << 1,
  PORT_IS_SDBS = 1 << 3,
  PORT_IS_PCS = 1 << 6,   /* mirrors SERR.DIAG.X */
  PORT_IS_PRCS = 1 << 22, /* mirrors SERR.DIAG.N */
  PORT_IS_OFS = 1 << 24,
  PORT_IS_IFS = 1 << 27,
  PORT_IS_HBFS = 1 << 29,
  PORT_IS_TFES = 1 << 30,
};

/* Section 3.3.7: PxCMD. */
enum {
  PORT_CMD_ST = 1 << 0,
  PORT_CMD_SUD = 1 << 1,
  PORT_CMD_POD = 1 << 2,
  PORT_CMD_CLO = 1 << 3,
  PORT_CMD_FRE = 1 << 4,
  PORT_CMD_CCS_SHIFT = 8,
  PORT_CMD_FR = 1 << 14,
  PORT_CMD_CR = 1 << 15,
  PORT_CMD_WRITABLE = PORT_CMD_ST | PORT_CMD_FRE | 7 << 24,
};

/* The registers that a command leaves behind in the drive, as a FIS carries them. */
typedef struct {
  uint8_t status, error, device;
  uint16_t count;
  uint64_t lba; /* 48 bits */
} AtaTask;

/* One slot's command, from its fetch to its end. */
struct AhciCommand {
  AhciPort *port;
  uint8_t slot;
  bool ncq;
  bool packet;         /* header's A bit */
  uint32_t generation; /* of the port when it was issued */
  uint8_t fis[20];
  uint8_t cdb[16];
  uint64_t prdt;
  unsigned n_prdt;

  struct iovec *iov; /* what ahci_map_data mapped */
  unsigned n_iov;
  uint64_t mapped;

  AtaTask task;
  uint64_t lba;
  uint32_t n_sectors;
  bool sync;            /* flush before it ends */
  uint32_t transferred; /* for PRDBC */
  void (*then) (AhciCommand *command, int error);
  uint8_t *ranges; /* TRIM: the list, (transfer full) */
  unsigned n_ranges, range;
  ScsiTask scsi; /* of a packet */
  ImageRequest io;
};

typedef struct {
  bool write_cache, smart;
  uint8_t multiple;      /* sectors per DRQ block */
  uint8_t ncq_error[14]; /* log 10h's first bytes */
} AtaDisk;

struct AhciPort {
  Ahci *ahci;
  uint8_t index;
  uint8_t kind;
  Image *image; /* a disk's; a CD-ROM's is the drive's */
  bool read_only, write_through, no_discard;
  char serial[21];

  uint64_t clb, fb;
  uint32_t is, ie, cmd, sig, ssts, sctl, serr, sact, ci;
  uint8_t status, error; /* PxTFD */
  bool stopped;          /* after an error, until ST is cleared */
  bool signature_due;    /* the FIS after a reset waits for FRE */
  bool soft_reset;       /* SRST is set */
  uint8_t last_slot;
  uint32_t waiting; /* slots whose write found no room on the host */
  bool reset_due;   /* COMRESET is under way: it waits for software to end it, and for requests */

  AtaDisk disk;
  ScsiUnit drive;

  /* Not saved. */
  uint32_t active;     /* slots issued to the drive */
  uint32_t generation; /* grows when commands are dropped */
  unsigned in_flight;  /* requests at the image, dropped commands' too */
  AhciCommand *commands;
};

struct Ahci {
  PciDevice pci;
  AhciPort ports[AHCI_N_PORTS];
  uint32_t ghc, is;
  bool halted;
  bool hba_reset_due;
};

/* --- ahci.c --- */

void ahci_update_irq (Ahci *ahci);
/* Ends an HBA reset once no port has anything under way. */
void ahci_try_hba_reset (Ahci *ahci);
static inline bool
ahci_port_has_device (const AhciPort *port)
{
  return port->kind != AHCI_PORT_EMPTY;
}

extern const StateTable ahci_state;

/* --- ahci-drives.c --- */

/* Makes the drive at port @index, which is empty. */
void ahci_fit_drive (Ahci *ahci, unsigned index, const AhciPortConfig *config);

/* --- ahci-port.c --- */

uint32_t ahci_port_read (AhciPort *port, unsigned offset);
void ahci_port_write (AhciPort *port, unsigned offset, uint32_t value);

/* Power-on or HBA reset; keeps PxCLB and PxFB unless @cold. */
void ahci_port_reset (AhciPort *port, bool cold);
/* Forgets all commands; late completions are dropped. */
void ahci_port_drop_commands (AhciPort *port);
/* A drive was plugged in, or pulled out. Nothing is under way. */
void ahci_port_plugged (AhciPort *port);
void ahci_port_unplugged (AhciPort *port);
/* After the last request: finishes what waited for it. */
void ahci_port_drained (AhciPort *port);

void ahci_port_raise (AhciPort *port, uint32_t is);
/* FISes to the host. They update PxTFD, and memory if FRE is set. */
void ahci_post_d2h (AhciPort *port, const AtaTask *task, bool interrupt);
void ahci_post_pio_setup (AhciPort *port, const AtaTask *task, uint8_t end_status, uint16_t count,
                          bool to_host);
void ahci_post_set_device_bits (AhciPort *port, uint8_t status, uint8_t error, uint32_t finished);
void ahci_post_signature (AhciPort *port);

/* --- ahci-command.c --- */

/* Issues what is in PxCI, as far as may be. */
void ahci_port_run (AhciPort *port);
/* After the user made room. */
void ahci_port_retry (AhciPort *port);

/* Maps @wanted bytes of the command's PRDT (fewer if the table ends: command->mapped). False: the table or
 * what it names is no RAM, and the command has been failed. */
bool ahci_map_data (AhciCommand *command, uint64_t wanted, bool to_host);

/* Sends the request to the port's image; @then runs with the lock held unless the command was dropped. */
void ahci_submit (AhciCommand *command, ImageRequestKind kind, uint64_t offset, uint64_t length,
                  void (*then) (AhciCommand *command, int error));

/* Ends of a command. @error 0: good. */
void ahci_finish (AhciCommand *command, uint8_t error);
/* Ends a PIO read whose data is in place. */
void ahci_finish_pio_in (AhciCommand *command);
/* Copies @size bytes to the host, then ends as PIO data-in command. */
void ahci_reply_pio (AhciCommand *command, const void *data, size_t size);
/* Breaks the command off with a fatal port interrupt. */
void ahci_finish_fatal (AhciCommand *command, uint32_t is);
/* The host's disk is full: the command waits, the machine is asked to pause. */
void ahci_wait_for_room (AhciCommand *command, int error);

/* --- ata.c, atapi.c: the drives --- */

void ata_reset (AhciPort *port, bool cold);
void ata_execute (AhciCommand *command);
/* 512 bytes for IDENTIFY DEVICE, SMART READ DATA, logs. */
void ata_identify (const AhciPort *port, uint8_t *block);
void ata_smart (AhciCommand *command);
void ata_read_log (AhciCommand *command);

void atapi_reset (AhciPort *port, bool cold);
void atapi_execute (AhciCommand *command);
void atapi_identify (const AhciPort *port, uint8_t *block);

/* ATA strings: space-padded, bytes swapped in each word. */
void ata_store_string (uint8_t *block, unsigned word, unsigned n_words, const char *text);

G_END_DECLS

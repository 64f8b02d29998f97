/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a machine has used so far. */
#include "devices/platform/pc-private.h"

#include "devices/ethernet/e1000e.h"
#include "devices/virtio/virtio-net.h"

static void
add_disk (ImageCounters *sum, const ImageCounters *counters)
{
  sum->reads += counters->reads;
  sum->read_bytes += counters->read_bytes;
  sum->writes += counters->writes;
  sum->written_bytes += counters->written_bytes;
}

void
pc_keep_counters (Pc *pc, const ImageCounters *counters)
{
  add_disk (&pc->gone, counters);
}

static void
sum_disks (Pc *pc, ImageCounters *sum)
{
  g_rw_lock_reader_lock (&pc->drives_lock);
  *sum = pc->gone;
  for (unsigned i = 0; i < pc->drives->len; i++)
    {
      const PcDrive *drive = g_ptr_array_index (pc->drives, i);
      ImageCounters counters;

      if (drive->image == NULL)
        continue;
      image_get_counters (drive->image, &counters);
      add_disk (sum, &counters);
    }
  g_rw_lock_reader_unlock (&pc->drives_lock);
}

static void
sum_networks (Pc *pc, NetCounters *sum)
{
  *sum = (NetCounters){ 0 };
  for (unsigned i = 0; i < pc->spec->nics->len; i++)
    {
      const NicSpec *nic = g_ptr_array_index (pc->spec->nics, i);
      Device *card = board_find (pc->board, nic->id);
      NetCounters counters = { 0 };

      if (card != NULL && card->klass == &virtio_net_class)
        virtio_net_get_counters (card, &counters);
      else if (card != NULL && card->klass == &e1000e_class)
        e1000e_get_counters (card, &counters);
      sum->sent += counters.sent;
      sum->sent_bytes += counters.sent_bytes;
      sum->received += counters.received;
      sum->received_bytes += counters.received_bytes;
    }
}

void
pc_get_counters (Pc *pc, PcCounters *counters)
{
  counters->cpu_time = machine_cpu_time (pc->machine);
  counters->loop_time = loop_cpu_time (pc->board->loop);
  sum_disks (pc, &counters->disks);
  sum_networks (pc, &counters->networks);
}

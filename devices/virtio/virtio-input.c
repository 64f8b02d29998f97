/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-input.h"

#include "devices/virtio/virtio-input-private.h"
#include "devices/virtio/virtio.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.8. */

#define QUEUE_SIZE 64u

/* Section 5.8.6: struct virtio_input_event. */
#define EVENT_SIZE 8u

/* Events that wait for the guest's buffers: its driver may be asleep while somebody types. */
#define MAX_WAITING 256u

/* Section 5.8.5. */
enum {
  CONFIG_SELECT = 0,
  CONFIG_SUBSEL = 1,
  CONFIG_SIZE = 2,
  CONFIG_ANSWER = 8,
  CONFIG_TOTAL = 136,
};

enum { QUEUE_EVENTS, QUEUE_STATUS };

/* x, y, and the end of the report */
#define POSITION_EVENTS 3u

typedef struct {
  uint16_t type, code;
  int32_t value;
} Event;

typedef struct {
  VirtioDevice virtio;
  VirtioInputKind kind;
  InputHub *hub;
  InputSink *sink;
  uint8_t pressed[INPUT_N_CODES / 8]; /* keys and buttons that are down on the host */

  uint8_t select, subsel;
  uint8_t told[INPUT_N_CODES / 8]; /* what the guest knows, once it has what waits */
  uint8_t leds;
  uint16_t n_waiting;
  uint8_t waiting[MAX_WAITING * EVENT_SIZE];
  bool ends_with_position; /* the last of what waits; the next one takes its place */
  bool lost;               /* there was no room for keys: the guest must be told afresh */
} VirtioInput;

static bool
bit_is_set (const uint8_t *bits, unsigned bit)
{
  return bits[bit / 8] & 1 << bit % 8;
}

static void
assign_bit (uint8_t *bits, unsigned bit, bool value)
{
  bits[bit / 8] = (uint8_t)((bits[bit / 8] & ~(1 << bit % 8)) | value << bit % 8);
}

/* --- events on their way --- */

static void
put (VirtioInput *input, Event event)
{
  uint8_t *p = input->waiting + input->n_waiting++ * EVENT_SIZE;

  store_le16 (p, event.type);
  store_le16 (p + 2, event.code);
  store_le32 (p + 4, (uint32_t)event.value);
}

/* One report, if there is room for it. */
static bool
put_report (VirtioInput *input, const Event *events, unsigned n)
{
  if (input->n_waiting + n + 1 > MAX_WAITING)
    return false;
  for (unsigned i = 0; i < n; i++)
    put (input, events[i]);
  put (input, (Event){ EV_SYN, 0, 0 });
  input->ends_with_position = false;
  return true;
}

static void
send_waiting (VirtioInput *input)
{
  VirtioDevice *vdev = &input->virtio;
  Virtq *vq = &vdev->queues[QUEUE_EVENTS];
  VirtqChain chain;
  unsigned n = 0;

  while (n < input->n_waiting && virtq_pop (vq, &chain))
    {
      bool fits = virtq_chain_write (&chain, 0, input->waiting + n * EVENT_SIZE, EVENT_SIZE) == EVENT_SIZE;

      virtq_push (vq, &chain, fits ? EVENT_SIZE : 0);
      if (!fits)
        virtio_fail (vdev, "an event's buffer of %" G_GUINT64_FORMAT " bytes", chain.in_size);
      else
        n++;
    }
  if (n == 0)
    return;
  TRACE (input, "events", "n=%u left=%u", n, input->n_waiting - n);
  input->n_waiting -= n;
  memmove (input->waiting, input->waiting + n * EVENT_SIZE, input->n_waiting * EVENT_SIZE);
  virtq_notify (vq);
}

/* Presses and releases that the guest has not heard of. */
static void
put_differences (VirtioInput *input)
{
  for (unsigned code = 0; code < INPUT_N_CODES; code++)
    {
      bool down = bit_is_set (input->pressed, code);

      if (down == bit_is_set (input->told, code))
        continue;
      if (!put_report (input, &(Event){ EV_KEY, (uint16_t)code, down }, 1))
        return;
      assign_bit (input->told, code, down);
    }
  input->lost = false;
}

static void
send (VirtioInput *input)
{
  send_waiting (input);
  if (input->n_waiting > 0 || !input->lost)
    return;
  put_differences (input);
  send_waiting (input);
}

/* --- what the hub brings --- */

/* False: nobody listens any more. */
static bool
enter (VirtioInput *input)
{
  device_lock (&input->virtio.pci.device);
  if (virtq_is_live (&input->virtio.queues[QUEUE_EVENTS]))
    return true;
  if (input->sink)
    input_sink_set_enabled (input->sink, false);
  return false;
}

static void
leave (VirtioInput *input)
{
  device_unlock (&input->virtio.pci.device);
}

static void
change_key (VirtioInput *input, unsigned code, bool down)
{
  bool live = enter (input);

  assign_bit (input->pressed, code, down);
  if (live && bit_is_set (input->told, code) != down)
    {
      if (put_report (input, &(Event){ EV_KEY, (uint16_t)code, down }, 1))
        assign_bit (input->told, code, down);
      else
        input->lost = true;
      send (input);
    }
  leave (input);
}

static void
sink_key (void *sink, KeyUsage usage, bool down)
{
  uint16_t code = virtio_input_key_code (usage);

  if (code != 0)
    change_key (sink, code, down);
}

static void
sink_button (void *sink, PointerButton button, bool down)
{
  change_key (sink, BTN_LEFT + button, down);
}

static void
sink_position (void *sink, unsigned x, unsigned y)
{
  VirtioInput *input = sink;
  const Event events[] = { { EV_ABS, ABS_X, (int32_t)x }, { EV_ABS, ABS_Y, (int32_t)y } };

  if (enter (input))
    {
      if (input->ends_with_position && input->n_waiting >= POSITION_EVENTS)
        input->n_waiting -= POSITION_EVENTS;
      if (put_report (input, events, G_N_ELEMENTS (events)))
        input->ends_with_position = true;
      send (input);
    }
  leave (input);
}

static void
sink_wheel (void *sink, int horizontal, int vertical)
{
  VirtioInput *input = sink;
  Event events[2];
  unsigned n = 0;

  if (vertical != 0)
    events[n++] = (Event){ EV_REL, REL_WHEEL, vertical };
  if (horizontal != 0)
    events[n++] = (Event){ EV_REL, REL_HWHEEL, horizontal };
  if (enter (input) && n > 0)
    {
      put_report (input, events, n);
      send (input);
    }
  leave (input);
}

static const InputSinkOps sinks[] = {
  [VIRTIO_INPUT_KEYBOARD] = { .key = sink_key },
  [VIRTIO_INPUT_TABLET] = { .position = sink_position, .button = sink_button, .wheel = sink_wheel },
};

/* --- what the guest says --- */

static void
take_status (VirtioInput *input)
{
  Virtq *vq = &input->virtio.queues[QUEUE_STATUS];
  uint8_t event[EVENT_SIZE];
  VirtqChain chain;

  while (virtq_pop (vq, &chain))
    {
      bool whole = virtq_chain_read (&chain, 0, event, EVENT_SIZE) == EVENT_SIZE;
      uint16_t type = load_le16 (event), code = load_le16 (event + 2);

      if (!whole)
        GUEST_ERROR (input, "a status of %" G_GUINT64_FORMAT " bytes", chain.out_size);
      else if (type == EV_LED && code <= LED_SCROLL_LOCK)
        assign_bit (&input->leds, code, load_le32 (event + 4) != 0);
      virtq_push (vq, &chain, 0);
    }
  virtq_notify (vq);
  TRACE (input, "leds", "leds=%u", input->leds);
  if (input->hub && input->kind == VIRTIO_INPUT_KEYBOARD)
    input_hub_set_leds (input->hub, input->leds);
}

static void
input_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioInput *input = (VirtioInput *)vdev;

  if (vq->index == QUEUE_STATUS)
    {
      take_status (input);
      return;
    }
  if (input->sink)
    input_sink_set_enabled (input->sink, true);
  send (input);
}

static void
update_config (VirtioInput *input)
{
  uint8_t *config = input->virtio.config;

  config[CONFIG_SELECT] = input->select;
  config[CONFIG_SUBSEL] = input->subsel;
  config[CONFIG_SIZE] =
    (uint8_t)virtio_input_describe (input->kind, input->select, input->subsel, config + CONFIG_ANSWER);
}

static void
input_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioInput *input = (VirtioInput *)vdev;

  for (unsigned i = 0; i < size; i++)
    {
      uint8_t byte = (uint8_t)(value >> 8 * i);

      if (offset + i == CONFIG_SELECT)
        input->select = byte;
      else if (offset + i == CONFIG_SUBSEL)
        input->subsel = byte;
      else
        GUEST_ERROR (vdev, "byte %u of the configuration can't be written", offset + i);
    }
  update_config (input);
}

static void
input_virtio_reset (VirtioDevice *vdev)
{
  VirtioInput *input = (VirtioInput *)vdev;

  if (input->sink)
    input_sink_set_enabled (input->sink, false);
  input->n_waiting = 0;
  input->lost = input->ends_with_position = false;
  memset (input->told, 0, sizeof input->told);
  input->leds = 0;
  input->select = input->subsel = 0;
  update_config (input);
}

static const VirtioClass input_virtio[] = {
  [VIRTIO_INPUT_KEYBOARD] = { .id = VIRTIO_ID_INPUT,
                              .class_code = 0x090000,
                              .kick = input_kick,
                              .config_write = input_config_write,
                              .reset = input_virtio_reset },
  [VIRTIO_INPUT_TABLET] = { .id = VIRTIO_ID_INPUT,
                            .class_code = 0x090200,
                            .kick = input_kick,
                            .config_write = input_config_write,
                            .reset = input_virtio_reset },
};

/* --- the device --- */

static bool
input_realize (Device *device, const void *config, GError **error)
{
  const VirtioInputConfig *input_config = config;
  VirtioInput *input = (VirtioInput *)device;
  VirtioDevice *vdev = &input->virtio;

  input->kind = input_config->kind;
  if (!virtio_realize (vdev, &input_virtio[input->kind], &input_config->place, 0, error))
    return false;
  virtio_add_queue (vdev, QUEUE_SIZE);
  virtio_add_queue (vdev, QUEUE_SIZE);
  vdev->config_size = CONFIG_TOTAL;
  update_config (input);
  if (!virtio_realized (vdev, error))
    return false;
  if (input_config->hub)
    {
      input->hub = input_hub_ref (input_config->hub);
      input->sink = input_hub_add_sink (input->hub, &sinks[input->kind], input);
      input_sink_set_enabled (input->sink, false);
    }
  return true;
}

static void
input_unrealize (Device *device)
{
  VirtioInput *input = (VirtioInput *)device;

  g_clear_pointer (&input->sink, input_sink_remove);
  g_clear_pointer (&input->hub, input_hub_unref);
  virtio_unrealize (device);
}

static bool
input_check (const void *object, const void *incoming, GError **error)
{
  if (((const VirtioInput *)incoming)->n_waiting <= MAX_WAITING)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of %s has %u events that wait, more than %u",
               ((const VirtioInput *)object)->virtio.pci.device.name,
               ((const VirtioInput *)incoming)->n_waiting, MAX_WAITING);
  return false;
}

/* What was held when the state was saved is held no more: the guest hears of it when it goes on. */
static void
input_after_load (void *object)
{
  VirtioInput *input = object;

  input->lost = true;
  update_config (input);
  if (input->sink && !virtio_is_live (&input->virtio))
    input_sink_set_enabled (input->sink, false);
  if (input->hub && input->kind == VIRTIO_INPUT_KEYBOARD)
    input_hub_set_leds (input->hub, input->leds);
}

static const StateField input_fields[] = {
  STATE_STRUCT (VirtioInput, virtio, &virtio_device_state, 1),
  STATE_U8 (VirtioInput, select, 1),
  STATE_U8 (VirtioInput, subsel, 1),
  STATE_BYTES (VirtioInput, told, 1),
  STATE_U8 (VirtioInput, leds, 1),
  STATE_U16 (VirtioInput, n_waiting, 1),
  STATE_BYTES (VirtioInput, waiting, 1),
  STATE_BOOL (VirtioInput, ends_with_position, 1),
  STATE_END,
};

static const StateTable input_state = {
  .name = "virtio-input",
  .version = 1,
  .fields = input_fields,
  .object_size = sizeof (VirtioInput),
  .check = input_check,
  .after_load = input_after_load,
};

const DeviceClass virtio_input_class = {
  .id = "virtio-input",
  .size = sizeof (VirtioInput),
  .realize = input_realize,
  .unrealize = input_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = virtio_started,
  .state = &input_state,
};

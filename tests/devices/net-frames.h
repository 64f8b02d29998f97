/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Frames as a guest at 10.0.2.15 behind the NAT would build them. Each returns the frame's size. */

#define FRAME_MAX       1514u
#define GUEST_ADDRESS   0x0a00020fu
#define GATEWAY_ADDRESS 0x0a000202u
#define UDP_HEADER_END  42u
#define TCP_HEADER_END  54u

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

typedef struct {
  uint16_t port, peer_port;
  uint32_t sequence, acknowledged;
  uint8_t flags;
  uint16_t window; /* that we offer; 0: 32 KiB */
} TcpSegment;

size_t frame_arp_request (uint8_t *frame, uint32_t target);
/* The answer to what asks for the guest's address; 0 if @request does not. */
size_t frame_arp_reply (uint8_t *frame, const uint8_t *request, size_t size);
size_t frame_udp (uint8_t *frame, uint32_t from, uint32_t to, uint16_t port, uint16_t peer_port,
                  const void *data, size_t size);
size_t frame_tcp (uint8_t *frame, uint32_t to, const TcpSegment *segment, const void *data, size_t size);
size_t frame_dhcp_discover (uint8_t *frame);

uint16_t frame_type (const uint8_t *frame);
bool frame_is_udp (const uint8_t *frame, size_t size, uint16_t port);
/* Reads a TCP segment to @port; @payload_size: bytes from TCP's data offset on. */
bool frame_read_tcp (const uint8_t *frame, size_t size, uint16_t port, TcpSegment *segment,
                     const uint8_t **payload, size_t *payload_size);

/* A server on 127.0.0.1 that sends @size bytes (byte i is i * 7) to whoever connects, or echoes datagrams; it
 * ends by itself after one client. Returns: its port. */
uint16_t server_start (size_t size, GThread **thread);
uint16_t echo_start (GThread **thread);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/os/os-profile.h"

G_BEGIN_DECLS

/* What an unattended installation is told instead of asking. */
typedef struct {
  char *profile;   /* "desktop": with a graphical desktop; "jeos": just enough of the system */
  char *user;      /* the name to log in by */
  char *real_name; /* (nullable): NULL: as @user */
  char *password;
  char *language; /* "de_DE" */
  char *keyboard; /* an X11 layout: "de" */
  char *timezone; /* "Europe/Berlin" */
  char *hostname;
  char *product_key; /* (nullable) */
  char *mirror;      /* (nullable): URL of the packages: "http://deb.debian.org/debian" */
  bool autologin;
} OsExpress;

void os_express_free (OsExpress *express); /* wipes the password */
/* (transfer full) */
OsExpress *os_express_copy (const OsExpress *express);

/* How the answers reach the installer. */
typedef enum {
  OS_ANSWERS_INITRD, /* in the root of its initial RAM disk, and the kernel is booted directly */
  OS_ANSWERS_CDROM,  /* on a second CD-ROM */
} OsAnswersWay;

typedef struct {
  char *name; /* a file in the medium's root: "preseed.cfg" */
  char *content;
} OsAnswerFile;

/* What libosinfo's scripts say, before it is on a medium. */
typedef struct {
  OsAnswersWay way;
  char *kernel, *initrd; /* INITRD: paths on the installation medium */
  char *append;          /* INITRD: the kernel's command line */
  GPtrArray *files;      /* of OsAnswerFile */
} OsAnswers;

OsAnswers *os_answers_new (void);
void os_answers_add (OsAnswers *answers, const char *name, const char *content);
void os_answers_free (OsAnswers *answers); /* wipes the contents */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsExpress, os_express_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsAnswers, os_answers_free)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a lender's contents say, as a GVariant: version; of each bank its name, size, place in the lender's memory
 * (and so in that of its programs), and which pieces are of which file (BankBacking); the machine's state.
 */
#define LOAN_VERSION  1u
#define LOAN_PIECE    "(ttttt)"
#define LOAN_PIECES   "a" LOAN_PIECE
#define LOAN_BANK     "(stt" LOAN_PIECES ")"
#define LOAN_CONTENTS "(ua" LOAN_BANK "ay)"

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What never changes between machines. The number of CPUs and the windows of the PCI root bus
 * depend on the machine: acpi-ssdt.c makes a second table for them.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "BONSAI", "BNSIDSDT", 1)
{
    /* 0: interrupts go to the PIC; 1: to the IOAPIC. The OS says so. */
    Name (PICF, 0)
    Method (_PIC, 1, NotSerialized)
    {
        PICF = Arg0
    }

    /* Soft-off: SLP_TYP as in ich9-lpc.h. */
    Name (_S5, Package (4) { 0, 0, 0, 0 })

    Scope (_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (_SEG, 0)

            /* PCI Firmware 3.2, section 4.5: all that is asked for may be had, but for native hot plug,
               PME and error reporting, which no device here has. */
            Method (_OSC, 4, NotSerialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 == ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))
                {
                    CreateDWordField (Arg3, 8, CDW3)
                    Local0 = CDW3 & 0x10
                    If (Arg1 != 1)
                    {
                        CDW1 |= 0x08
                    }
                    If (CDW3 != Local0)
                    {
                        CDW1 |= 0x10
                    }
                    CDW3 = Local0
                }
                Else
                {
                    CDW1 |= 0x04
                }
                Return (Arg3)
            }

            /* ich9_lpc_slot_pirq: slots 0..24 rotate over E..H, 25..31 take A..D. */
            Method (_PRT, 0, Serialized)
            {
                Local0 = Package (128) {}
                Local1 = 0
                While (Local1 < 128)
                {
                    Local2 = Local1 >> 2
                    Local3 = Local1 & 3
                    If (Local2 < 25)
                    {
                        Local4 = 4 + ((Local2 + Local3) & 3)
                    }
                    Else
                    {
                        Local4 = Local3
                    }
                    If (PICF != 0)
                    {
                        Local5 = Package (4) { 0, 0, 0, 0 }
                        Local5[3] = 16 + Local4
                    }
                    Else
                    {
                        Switch (ToInteger (Local4))
                        {
                            Case (0) { Local5 = Package (4) { 0, 0, LNKA, 0 } }
                            Case (1) { Local5 = Package (4) { 0, 0, LNKB, 0 } }
                            Case (2) { Local5 = Package (4) { 0, 0, LNKC, 0 } }
                            Case (3) { Local5 = Package (4) { 0, 0, LNKD, 0 } }
                            Case (4) { Local5 = Package (4) { 0, 0, LNKE, 0 } }
                            Case (5) { Local5 = Package (4) { 0, 0, LNKF, 0 } }
                            Case (6) { Local5 = Package (4) { 0, 0, LNKG, 0 } }
                            Default  { Local5 = Package (4) { 0, 0, LNKH, 0 } }
                        }
                    }
                    Local5[0] = (Local2 << 16) | 0xFFFF
                    Local5[1] = Local3
                    Local0[Local1] = Local5
                    Local1++
                }
                Return (Local0)
            }

            /* What the PCI windows must leave alone; ECAM as well, which acpi-ssdt.c knows the place of. */
            Device (MBRD)
            {
                Name (_HID, EisaId ("PNP0C02"))
                Name (_UID, 0)
                Name (_CRS, ResourceTemplate ()
                {
                    Memory32Fixed (ReadWrite, 0xB0000000, 0x10000000) /* ECAM */
                    Memory32Fixed (ReadOnly, 0xFED18000, 0x00001000)  /* the machine's generation */
                    Memory32Fixed (ReadWrite, 0xFED1C000, 0x00004000) /* RCBA */
                    IO (Decode16, 0x0092, 0x0092, 0, 0x01)
                    IO (Decode16, 0x00B2, 0x00B2, 0, 0x02)
                    IO (Decode16, 0x0402, 0x0402, 0, 0x01) /* debug console */
                    IO (Decode16, 0x04D0, 0x04D0, 0, 0x02) /* ELCR */
                    IO (Decode16, 0x0510, 0x0510, 0, 0x0C) /* firmware configuration */
                    IO (Decode16, 0x0600, 0x0600, 0, 0x80) /* power management */
                })
            }

            /* Gone where nothing answers: reads of empty addresses give ones. */
            Device (HPET)
            {
                Name (_HID, EisaId ("PNP0103"))
                Name (_UID, 0)
                OperationRegion (HPTM, SystemMemory, 0xFED00000, 0x08)
                Field (HPTM, DWordAcc, NoLock, Preserve)
                {
                    HPID, 32
                }
                Method (_STA, 0, NotSerialized)
                {
                    If (HPID == 0xFFFFFFFF)
                    {
                        Return (0)
                    }
                    Return (0x0F)
                }
                Name (_CRS, ResourceTemplate ()
                {
                    Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
                })
            }

            Device (ISA)
            {
                Name (_ADR, 0x001F0000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x0C)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8,
                    Offset (0x08),
                    PRQE, 8, PRQF, 8, PRQG, 8, PRQH, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 0, 0x08)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 0, 0x04)
                        IRQNoFlags () { 0 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0061, 0x0061, 0, 0x01)
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 0, 0x01)
                        IO (Decode16, 0x0064, 0x0064, 0, 0x01)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () { 12 }
                    })
                }
                /* Where a kernel tells of its panic. Not shown: it has no driver but in Linux. */
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Name (_UID, 0)
                    Name (_STA, 0x0B)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0505, 0x0505, 0x01, 0x01)
                    })
                    OperationRegion (PRGS, SystemIO, 0x0505, 0x01)
                    Field (PRGS, ByteAcc, NoLock, Preserve)
                    {
                        PEPT, 8
                    }
                    Method (RDPT, 0, NotSerialized)
                    {
                        Return (PEPT)
                    }
                    Method (WRPT, 1, NotSerialized)
                    {
                        PEPT = Arg0
                    }
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 0, 0x08)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02F8, 0x02F8, 0, 0x08)
                        IRQNoFlags () { 3 }
                    })
                }
                Device (COM3)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 3)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03E8, 0x03E8, 0, 0x08)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM4)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 4)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02E8, 0x02E8, 0, 0x08)
                        IRQNoFlags () { 3 }
                    })
                }
            }
        }

        /* Interrupt links, for an OS that uses the PIC. Bit 7 of a routing register disables it. */
        Name (LPRS, ResourceTemplate ()
        {
            IRQ (Level, ActiveHigh, Shared) { 5, 10, 11 }
        })
        Method (LSTA, 1, NotSerialized)
        {
            If (Arg0 & 0x80)
            {
                Return (0x09)
            }
            Return (0x0B)
        }
        Name (LBUF, ResourceTemplate ()
        {
            IRQ (Level, ActiveHigh, Shared) { 0 }
        })
        Method (LCRS, 1, Serialized)
        {
            CreateWordField (LBUF, 1, IRQM)
            If (Arg0 & 0x80)
            {
                IRQM = 0
            }
            Else
            {
                IRQM = 1 << (Arg0 & 0x0F)
            }
            Return (LBUF)
        }
        Method (LSRS, 1, NotSerialized)
        {
            CreateWordField (Arg0, 1, IRQM)
            FindSetRightBit (IRQM, Local0)
            If (Local0 == 0)
            {
                Return (0x80)
            }
            Return (Local0 - 1)
        }

        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 0)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQA)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQA)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQA = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQA |= 0x80 }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQB)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQB)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQB = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQB |= 0x80 }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQC)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQC)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQC = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQC |= 0x80 }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQD)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQD)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQD = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQD |= 0x80 }
        }
        Device (LNKE)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQE)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQE)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQE = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQE |= 0x80 }
        }
        Device (LNKF)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 5)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQF)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQF)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQF = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQF |= 0x80 }
        }
        Device (LNKG)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 6)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQG)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQG)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQG = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQG |= 0x80 }
        }
        Device (LNKH)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 7)
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQH)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQH)) }
            Method (_SRS, 1, NotSerialized) { \_SB.PCI0.ISA.PRQH = LSRS (Arg0) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQH |= 0x80 }
        }

        /* "Virtual Machine Generation ID", Microsoft: where the number is (vm-generation.h). */
        Device (VGEN)
        {
            Name (_HID, "BNSI0001")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (ADDR, 0, NotSerialized)
            {
                Return (Package (2) { 0xFED18000, 0 })
            }
        }
    }

    Scope (_GPE)
    {
        Method (_E05, 0, NotSerialized)
        {
            Notify (\_SB.VGEN, 0x80)
        }
    }
}

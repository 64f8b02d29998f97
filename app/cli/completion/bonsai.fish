# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for bonsai(1). Verbs and options are asked of the program itself.

# Lines "  NAME  SUMMARY" of a help page.
function __bonsai_verbs
    bonsai $argv --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*) +(.*)$' '$1\t$2'
end

# Lines "  -m, --memory=SIZE  Memory (512M)".
function __bonsai_options
    bonsai (__bonsai_words) --help 2>/dev/null | string replace -rf '^  (?:-., )?(--[a-z-]+)\S* +(.*)$' '$1\t$2'
end

# The members "name" of a list in JSON.
function __bonsai_names
    bonsai $argv --json 2>/dev/null | string replace -rf '^ *"name" : "(.*)",?$' '$1'
end

function __bonsai_deleted
    bonsai list --deleted 2>/dev/null
end

# The verb, and the verb after it where there is one.
function __bonsai_words
    set -l words (commandline -opc)
    set -e words[1]
    if contains -- "$words[1]" disk snapshot template guest workspace policy usb
        string join \n -- $words[1..2]
    else
        string join \n -- $words[1]
    end
end

# Whether the cursor stands at argument N (from 0) of one of the verbs; no verb: of any.
function __bonsai_at
    set -l at $argv[1]
    set -l words (commandline -opc)
    set -l verb (__bonsai_words)
    test (count $words) -eq (math $at + 1 + (count $verb)); or return 1
    test (count $argv) -eq 1; or contains -- "$verb" $argv[2..]
end

function __bonsai_before
    set -l words (commandline -opc)
    contains -- "$words[-1]" $argv
end

function __bonsai_snapshots
    set -l words (commandline -opc)
    __bonsai_names snapshot list $words[4]
end

function __bonsai_usb_ports
    bonsai usb list --json 2>/dev/null | string replace -rf '^ *"port" : "(.*)",?$' '$1'
end

function __bonsai_has_machine
    set -l verb (__bonsai_words)
    not contains -- "$verb[1]" apply create list host run service shared events report undelete purge disk usb; and __bonsai_at 0
    or contains -- "$verb" 'disk attach'; and __bonsai_at 0
end

complete -c bonsai -f
complete -c bonsai -n __fish_use_subcommand -a '(__bonsai_verbs)'
for verb in disk snapshot template guest workspace policy usb
    complete -c bonsai -n "test (count (commandline -opc)) -eq 2; and __fish_seen_subcommand_from $verb" -a "(__bonsai_verbs $verb)"
end
complete -c bonsai -n 'string match -q -- "-*" (commandline -ct); and not __fish_use_subcommand' -a '(__bonsai_options)'
complete -c bonsai -n __bonsai_has_machine -a '(__bonsai_names list)' -d machine
complete -c bonsai -n '__bonsai_at 0 undelete purge' -a '(__bonsai_deleted)'
complete -c bonsai -n '__bonsai_at 1 launcher autostart' -a 'on off'
complete -c bonsai -n 'contains -- (__bonsai_words) apply' -F
complete -c bonsai -n '__bonsai_at 0 report' -a 'utilisation changes storage expiries'
complete -c bonsai -n '__bonsai_at 1 link' -a 'up down'
complete -c bonsai -n '__bonsai_at 1 forward' -a 'add remove'
complete -c bonsai -n '__bonsai_at 0 "usb rule"' -a 'list add remove'
complete -c bonsai -n '__bonsai_at 0 "usb attach" "usb detach"' -a '(__bonsai_names list)' -d machine
complete -c bonsai -n '__bonsai_at 1 "usb attach" "usb detach"' -a '(__bonsai_usb_ports)' -d port
complete -c bonsai -n '__bonsai_at 1 "usb rule"' -a '(__bonsai_names list)' -d machine
complete -c bonsai -n '__bonsai_at 2 "usb rule"' -a '(__bonsai_usb_ports)' -d port
complete -c bonsai -n '__bonsai_at 1 cd' -a 'insert eject'
complete -c bonsai -n '__bonsai_at 1 mouse' -a 'move position click wheel'
complete -c bonsai -n '__bonsai_at 2 cd' -F
complete -c bonsai -n '__bonsai_at 1 screenshot "disk attach"' -F
complete -c bonsai -n '__bonsai_at 0 "disk create" "disk info" "disk check" "disk convert" "disk resize" "disk compact" "disk map" "disk rebase" "disk commit" "disk compare"' -F
complete -c bonsai -n '__bonsai_at 1 "disk convert" "disk compare"' -F
complete -c bonsai -n '__bonsai_at 0 "disk passphrase"' -a 'add change remove'
complete -c bonsai -n '__bonsai_at 1 "disk passphrase"' -F
complete -c bonsai -n '__bonsai_at 1 "snapshot show" "snapshot diff" "snapshot restore" "snapshot delete" "snapshot rename" "snapshot disposable"' -a '(__bonsai_snapshots)' -d snapshot
complete -c bonsai -n '__bonsai_at 2 "snapshot diff"' -a '(__bonsai_snapshots)' -d snapshot
complete -c bonsai -n '__bonsai_before --profile' -a 'corporate secure entertainment test'
complete -c bonsai -n '__bonsai_before --firmware' -a 'bios uefi uefi-secure'
complete -c bonsai -n '__bonsai_before --network' -a 'nat none'
complete -c bonsai -n '__bonsai_before --machine' -a '(__bonsai_names list)' -d machine
complete -c bonsai -n '__bonsai_before --nic' -a 'virtio e1000e'
complete -c bonsai -n '__bonsai_before --graphics' -a 'vga virtio'
complete -c bonsai -n '__bonsai_before --disk-bus' -a 'virtio ahci scsi nvme usb'
complete -c bonsai -n '__bonsai_before --on-panic --watchdog' -a 'notify pause reset power-off'
complete -c bonsai -n '__bonsai_before --format --source-format --second-format --backing-format' -a 'raw qcow2 vhd vmdk vdi vhdx'
complete -c bonsai -n '__bonsai_before --kernel --initrd --existing-disk --secret-file --cdrom --scsi-host --debugcon --nvram --backing --screenshot-on-exit --trace-file --record-sound --microphone' -F

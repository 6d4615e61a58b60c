# $NetBSD$
#
# Copyright (c) 2026 The libnfslock authors.
# All rights reserved.
#
# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions
# are met:
# 1. Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright
#    notice, this list of conditions and the following disclaimer in the
#    documentation and/or other materials provided with the distribution.
#
# THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
# ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
# IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
# ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
# FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
# DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
# OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
# LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
# OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
# SUCH DAMAGE.


# Process 1 of a guest, for busybox, whose commands cost less than others: makes the guest's file system and network, then runs
# what the harness asks for.  It runs twice: in the host's root, read-only, then
# in the guest's own.  Beside it, in the directory that the guest shares with the
# harness, are the settings.
#
# The guest's root is the host's, below the packages that only guests need, below
# a file system in memory: a guest can write anywhere, and harms nobody.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

if [ "$1" != inside ]; then
	share=${0%/*}
	. "$share/settings"
	# Not busybox's, which looks for itself in the host's /proc.
	/bin/mount -t proc proc /proc
	mount -t tmpfs tmpfs /run
	cd /run && mkdir packages lower memory memory/upper memory/work root
	mount -t hostfs -o "$packages" none packages
	mount -t hostfs -o / none lower
	# By its full name: the host need not have it.
	LD_LIBRARY_PATH=$packages/usr/lib/$(uname -m)-linux-gnu \
	    "$modprobe" -d "$modules" overlay
	mount -t overlay -o lowerdir=/run/packages:/run/lower \
	    -o upperdir=/run/memory/upper,workdir=/run/memory/work overlay root
	mount -t proc proc root/proc
	mount -t devtmpfs dev root/dev
	mount -t tmpfs -o mode=755 run root/run
	mkdir root/run/host
	mount -t hostfs -o "$share" none root/run/host
	exec chroot root /bin/busybox sh /run/host/init inside
fi

. /run/host/settings
mount -t sysfs sys /sys
mkdir -p /dev/shm /dev/pts /run/rpcbind /run/lock /run/job
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t devpts pts /dev/pts
hostname "$name"
cp /run/host/passwd /run/host/group /run/host/hosts /run/host/nsswitch.conf /etc
ln -sf /proc/self/mounts /etc/mtab
chown 100 /run/rpcbind

# Without rto_min a packet waits for the next one.
/sbin/ip -batch - <<EOF
link set lo up
link set $interface address $mac mtu 1500
address add $address/24 dev $interface
link set $interface up
route change ${address%.*}.0/24 dev $interface rto_min 10ms
EOF

/sbin/modprobe -d "$modules" -a $load

exec 3<"$tty"
: >/run/host/ready
# A job's script begins with the line that keeps its process group.
jobs()
{
	while read -r job <&3; do
		(
			cd /
			setsid /bin/sh "/run/host/$job.sh" >"/run/host/$job.out" 2>&1 \
			    3<&- </dev/null
			echo $? >"/run/host/$job.status"
		) &
	done
}
jobs &
# Process 1 reaps.
wait

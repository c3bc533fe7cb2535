#!/bin/busybox sh
# First process of the guest: assemble the root file system in memory and start the agent.
bb=/bin/busybox
fail() { echo "TCPEXP-INIT-FAILED $*" > /dev/console; $bb poweroff -f; }
$bb mkdir -p /proc /sys /dev /lower /upper /root
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs devtmpfs /dev
for module in $($bb cat /modules/order); do
    $bb insmod "/modules/$module" || fail "insmod $module"
done
# The three memory devices in the order of their guest addresses: root, plan, out. Their names follow probing order.
tries=0
while [ "$($bb ls -d /sys/block/pmem* 2>/dev/null | $bb wc -l)" -lt 3 ]; do
    tries=$((tries + 1)); [ $tries -gt 200 ] && fail "memory devices did not appear"
    $bb usleep 10000
done
index=0
for pair in $(for block in /sys/block/pmem*; do echo "$($bb cat "$block/device/resource"):${block##*/}"; done | $bb sort); do
    case $index in 0) name=root ;; 1) name=plan ;; 2) name=out ;; *) name=more$index ;; esac
    $bb ln -s "/dev/${pair##*:}" "/dev/tcpexp-$name"
    index=$((index + 1))
done
$bb mount -t erofs -o ro /dev/tcpexp-root /lower || fail "mount root"
$bb mount -t tmpfs -o size=90% tmpfs /upper || fail "tmpfs"
$bb mkdir /upper/data /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root || fail "overlay"
$bb mkdir -p /root/opt/tcpexp
$bb cp -a /engine/. /root/opt/tcpexp/
for folder in proc sys dev; do $bb mount -o move /$folder /root/$folder; done
$bb mount -t tmpfs tmpfs /root/run
$bb mount -t tmpfs -o size=90% tmpfs /root/tmp
$bb mkdir -p /root/dev/pts /root/dev/shm
$bb mount -t devpts -o ptmxmode=666 devpts /root/dev/pts
$bb mount -t cgroup2 cgroup2 /root/sys/fs/cgroup 2>/dev/null
$bb mount -t tracefs tracefs /root/sys/kernel/tracing 2>/dev/null
$bb hostname tcpexp
$bb ip link set lo up
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LANG=C.UTF-8 PYTHONHASHSEED=0 PYTHONUNBUFFERED=1
exec $bb switch_root /root /bin/sh /opt/tcpexp/start.sh

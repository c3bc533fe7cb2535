#!/bin/sh
# Process 1 of the second machine: runs the kernel that was brought along, prints the digest of the captures.
cd /opt/tcpexp/uml || exit 1
mkdir -p /tmp/lower /tmp/data /tmp/work /tmp/root /tmp/out/raw /tmp/way/run
busybox mount -t erofs -o ro /dev/tcpexp-root /tmp/lower
cp -a tree/. /tmp/data/
busybox mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/data,workdir=/tmp/work overlay /tmp/root
cp plan.json /tmp/way/run/
ln -s /tmp/root /tmp/way/root
ln -s /opt/tcpexp/uml/engine /tmp/way/engine
ln -s /tmp/out /tmp/way/out
echo "TCPEXP-MACHINE $(uname -r) $(grep -m1 'model name' /proc/cpuinfo)" > /dev/console
python3 -B /opt/tcpexp/uml/inside.py > /dev/console 2>&1
echo "TCPEXP-AGENT-ENDED $?" > /dev/console
sync
echo o > /proc/sysrq-trigger
sleep 5

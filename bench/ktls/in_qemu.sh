#!/bin/sh
# Runs ktls under a kernel that has TLS, on a machine whose own has none: Debian's, in an emulator
# that counts instructions.
#
#   bench/ktls/in_qemu.sh build/release/bench/ktls/ktls [OPTION…]
#
# Debian packages qemu-system-x86 and busybox-static; apt-get fetches the kernel, which is unpacked
# into a temporary folder and installed nowhere. KERNEL_DEB=FILE takes another. Nothing of it needs
# root.
#
# The emulator has one core, on which an instruction takes a nanosecond, whichever it is. So every
# "ns" that ktls prints is a number of instructions, and nearly the same each time. Copying by "rep
# movs" would count an instruction for each byte, so it is taken out of what the processor can do.
set -eu

program=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$folder/root
mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/sys"

if [ -z "${KERNEL_DEB:-}" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    (cd "$folder" && apt-get -qq -o APT::Sandbox::User= download "$package")
    KERNEL_DEB=$(ls "$folder"/linux-image-*.deb)
fi
dpkg-deb -x "$KERNEL_DEB" "$folder/kernel"

# TLS, and every cipher and hash there is, for the kernel to choose from.
find "$folder/kernel" -path '*/crypto/*.ko*' -o -name 'tls.ko*' | while read -r module; do
    case $module in
    *.xz) xz -dc "$module" >"$root/modules/$(basename "$module" .xz)" ;;
    *) cp "$module" "$root/modules/" ;;
    esac
done

cp "$(command -v busybox)" "$root/bin/busybox"
cp "$program" "$root/bin/ktls"
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

# A module goes in when those it needs are there; what fails for good is not for this machine.
cat >"$root/init" <<END
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox ip link set lo up
ulimit -n 20000
for try in 1 2 3 4; do
    for module in /modules/*.ko; do
        busybox insmod "\$module" 2>/dev/null && busybox rm "\$module"
    done
done
busybox grep -A 1 -E '^name +: (rfc7539|gcm.aes|__gcm)' /proc/crypto | busybox grep driver
/bin/ktls $@
busybox poweroff -f
END
chmod +x "$root/init"
ln -s busybox "$root/bin/sh"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$folder/initramfs"

qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max,erms=off,fsrm=off -m 2048 -nographic -no-reboot \
    -kernel "$(ls "$folder"/kernel/boot/vmlinuz-*)" -initrd "$folder/initramfs" \
    -append 'console=ttyS0 quiet mitigations=off clearcpuid=rep_good panic=-1' </dev/null | sed -un '/^driver/,$p' | tr -d '\r'

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the example for a Cortex-M7 and runs it under QEMU: bash build.sh FOLDER, which holds weights.hpp; writes
# FOLDER/firmware.elf and FOLDER/firmware.map. No C or C++ library is needed. Debian packages: gcc-arm-none-eabi
# qemu-system-arm.
set -euo pipefail
folder=$(cd "${1:?usage: build.sh FOLDER}" && pwd)
cd "$(dirname "$0")"
flags=(-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16 -std=c++20 -O2 -ffreestanding -nostdinc++ -fno-exceptions -fno-rtti
  -fno-threadsafe-statics -ffunction-sections -fdata-sections -fstack-usage -Wall -Wextra -I../../include -I"$folder")
arm-none-eabi-g++ "${flags[@]}" main.cpp board_mps2.cpp -o "$folder/firmware.elf" -nostdlib -lgcc \
  -T mps2_an500.ld -Wl,--gc-sections -Wl,-Map="$folder/firmware.map"
arm-none-eabi-size -A "$folder/firmware.elf" | grep -E '^\.(vectors|text|rodata|data|bss) '
# With -icount shift=0 an instruction takes 1 ns, and a tick of the 25 MHz clock is 40 instructions.
exec qemu-system-arm -M mps2-an500 -display none -monitor none -serial none -icount shift=0 -chardev stdio,id=text \
  -semihosting-config enable=on,target=native,chardev=text -kernel "$folder/firmware.elf"

// SPDX-License-Identifier: MIT
// Dropout with the random numbers of core/random.hpp, computed by vectors. For every level: no include guard, no
// includes. Needs elementwise.inl.

inline constexpr int kBlocks = kLanes / 2;  // blocks of the generator per vector, one 64-bit lane each

/// Half of the blocks as contiguous 32-bit words: `low` holds words 0 and 1 of every block, `high` words 2 and 3.
template <int First, std::size_t... I>
[[gnu::always_inline]] inline WideVector blocks_in_order(WideVector low, WideVector high, std::index_sequence<I...>) {
  return __builtin_shufflevector(low, high, (I % 2 * kBlocks + I / 2 + First)...);
}

/// philox() of kBlocks blocks, starting at `block`: 4 * kBlocks words.
inline void philox_blocks(std::uint64_t seed, std::uint64_t stream, std::uint64_t block, std::uint32_t* to) {
  // A word of the counter is the low half of a lane. The high half is undefined.
  alignas(64) std::uint64_t blocks[kBlocks];
  for (std::uint64_t& number : blocks) number = block++;
  const WideVector numbers = reinterpret_cast<WideVector>(load(blocks)), streams = stream - WideVector{};
  WideVector counter[4] = {numbers, numbers >> 32, streams, streams >> 32};
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
    const WideVector p0 = multiply_words(counter[0], WideVector{} + 0xD2511F53u),
                     p1 = multiply_words(counter[2], WideVector{} + 0xCD9E8D57u);
    counter[0] = (p1 >> 32) ^ counter[1] ^ key0;
    counter[1] = p1;
    counter[2] = (p0 >> 32) ^ counter[3] ^ key1;
    counter[3] = p0;
  }
  constexpr auto lanes = std::make_index_sequence<kBlocks>{};
  const WideVector low = (counter[0] & 0xFFFFFFFFu) | counter[1] << 32,
                   high = (counter[2] & 0xFFFFFFFFu) | counter[3] << 32;
  store(to, reinterpret_cast<Vector>(blocks_in_order<0>(low, high, lanes)));
  store(to + kLanes, reinterpret_cast<Vector>(blocks_in_order<kBlocks / 2>(low, high, lanes)));
}

/// See ElementwiseKernels.
inline void dropout(const DropoutDraw& s, long count, const float* x, float* mask, float* y) {
  constexpr long kWords = 512;
  alignas(64) std::uint32_t words[kWords + kLanes];  // the last vector may be read past the last word
  std::memset(words + kWords, 0, kLanes * sizeof words[0]);
  const Vector scale = broadcast(s.scale);
  const UintVector threshold = UintVector{} + s.threshold;
  for (long begin = 0; begin < count;) {
    const std::uint64_t number = s.first + static_cast<std::uint64_t>(begin);
    const long skip = static_cast<long>(number % 4);  // for a start within a block
    const long left = count - begin, drawn = left < kWords - skip ? left : kWords - skip;
    for (long w = 0; w < skip + drawn; w += 4 * kBlocks)
      philox_blocks(s.seed, s.stream, (number + static_cast<std::uint64_t>(w)) / 4, words + w);
    for_each_vector(
        drawn, [&](auto memory, long i, int) __attribute__((always_inline)) {
          const UintVector bits = reinterpret_cast<UintVector>(load(words + skip + i));
          const Vector m = bits < threshold ? Vector{} : scale;
          memory.write(mask + begin + i, m);
          memory.write(y + begin + i, memory.read(x + begin + i) * m);
        });
    begin += drawn;
  }
}

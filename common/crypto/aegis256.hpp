/// AEGIS-256 (draft-irtf-cfrg-aegis-aead) with a tag of 32 bytes, where libsodium has it: from
/// 1.0.19 on. Only aead.cpp uses it.
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/secret.hpp"

#include <cstddef>
#include <span>

namespace braid::aegis256 {

constexpr std::size_t key_size = 32;
constexpr std::size_t nonce_size = 32;
constexpr std::size_t tag_size = 32;
using Nonce = std::span<const std::byte, nonce_size>;

/// True when libsodium has it and the processor has instructions for AES. Without them its code
/// is many times slower than ChaCha20-Poly1305. Without it seal() ends the program and open()
/// yields false.
[[nodiscard]] bool supported() noexcept;

/// Encrypts all but the last 32 bytes in place, and writes the tag there.
void seal(const Secret<key_size>& key, Nonce nonce, Bytes associated, MutBytes text) noexcept;

/// Decrypts in place: the plaintext is all but the last 32 bytes. False: not authentic, or
/// shorter than a tag.
[[nodiscard]] bool open(const Secret<key_size>& key, Nonce nonce, Bytes associated,
                        MutBytes sealed) noexcept;

} // namespace braid::aegis256

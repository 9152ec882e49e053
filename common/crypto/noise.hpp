/// The SymmetricState of the Noise Protocol Framework, revision 34, section 5.2, for 25519,
/// ChaChaPoly and BLAKE2b (HASHLEN 64). Only handshake.cpp uses it.
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/secret.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace braid {

constexpr std::size_t noise_hash_size = 64;
constexpr std::size_t noise_tag_size = 16;
using NoiseHash = std::array<std::byte, noise_hash_size>;

class NoiseState {
public:
    /// Wiped when it dies; empty of secrets until begin().
    NoiseState() noexcept = default;

    /// InitializeSymmetric and MixHash(prologue). A name has at most 64 bytes.
    void begin(std::string_view protocol_name, Bytes prologue);

    void mix_hash(Bytes data);
    void mix_key(Bytes input);
    void mix_key_and_hash(Bytes input);

    /// `out` has the plaintext's size and noise_tag_size. A key must have been mixed in.
    void encrypt_and_hash(Bytes plaintext, MutBytes out);
    /// `out` has the ciphertext's size without noise_tag_size. False: not authentic; the state
    /// is unchanged and `out` holds nothing of use.
    [[nodiscard]] bool decrypt_and_hash(Bytes ciphertext, MutBytes out);

    /// Split() with a third output: HKDF(ck, "", 3), each cut to 32 bytes.
    struct Keys {
        Secret<32> initiator_to_responder;
        Secret<32> responder_to_initiator;
        Secret<32> extra;
    };
    [[nodiscard]] Keys split() const;

    [[nodiscard]] const NoiseHash& hash() const noexcept { return hash_; }

    /// A second state, to try a message on before committing to it.
    [[nodiscard]] NoiseState clone() const noexcept;

private:
    Secret<noise_hash_size> chaining_key_;
    NoiseHash hash_{};
    Secret<32> key_;
    std::uint64_t nonce_ = 0;
};

} // namespace braid

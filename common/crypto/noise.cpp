#include "common/crypto/noise.hpp"

#include "common/crypto/aead.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <initializer_list>
#include <sodium/crypto_generichash_blake2b.h>

namespace braid {

namespace {

constexpr std::size_t block_size = 128; ///< BLOCKLEN of BLAKE2b
using Block = Secret<block_size>;
using Digest = Secret<noise_hash_size>;

[[nodiscard]] Digest blake2b(std::initializer_list<Bytes> parts)
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, nullptr, 0, noise_hash_size);
    for (const Bytes part : parts)
        crypto_generichash_blake2b_update(&state, uchars(part), part.size());
    Digest digest;
    crypto_generichash_blake2b_final(&state, uchars(MutBytes{digest.mutable_bytes()}),
                                     noise_hash_size);
    wipe(std::as_writable_bytes(std::span{&state, 1}));
    return digest;
}

/// HMAC (RFC 2104) of two parts, one behind the other.
[[nodiscard]] Digest hmac(Bytes key, Bytes first, Bytes second = {})
{
    assert(key.size() <= block_size);
    Block inner_key;
    std::ranges::copy(key, inner_key.mutable_bytes().begin());
    Block outer_key{inner_key.bytes()};
    for (auto& b : inner_key.mutable_bytes()) b ^= std::byte{0x36};
    for (auto& b : outer_key.mutable_bytes()) b ^= std::byte{0x5c};
    const Digest inner = blake2b({inner_key.bytes(), first, second});
    return blake2b({outer_key.bytes(), inner.bytes()});
}

struct HkdfOutputs {
    Digest first;
    Digest second;
    Digest third;
};

/// HKDF of Noise section 4.3. The first two outputs do not depend on how many are asked for.
[[nodiscard]] HkdfOutputs hkdf(const Digest& chaining_key, Bytes input)
{
    constexpr std::array one{std::byte{1}};
    constexpr std::array two{std::byte{2}};
    constexpr std::array three{std::byte{3}};
    const Digest temporary = hmac(chaining_key.bytes(), input);
    HkdfOutputs out;
    out.first = hmac(temporary.bytes(), one);
    out.second = hmac(temporary.bytes(), out.first.bytes(), two);
    out.third = hmac(temporary.bytes(), out.second.bytes(), three);
    return out;
}

/// "If HASHLEN is 64, truncates to 32 bytes" (Noise section 5.2).
[[nodiscard]] Secret<32> cut(const Digest& digest) noexcept
{
    return Secret<32>{digest.bytes().first<32>()};
}

} // namespace

void NoiseState::begin(std::string_view protocol_name, Bytes prologue)
{
    assert(protocol_name.size() <= noise_hash_size);
    hash_ = {};
    std::ranges::copy(as_bytes(protocol_name), hash_.begin());
    chaining_key_ = Digest{hash_};
    key_.clear();
    nonce_ = 0;
    mix_hash(prologue);
}

void NoiseState::mix_hash(Bytes data)
{
    const Digest digest = blake2b({hash_, data});
    std::ranges::copy(digest.bytes(), hash_.begin());
}

void NoiseState::mix_key(Bytes input)
{
    HkdfOutputs out = hkdf(chaining_key_, input);
    chaining_key_ = std::move(out.first);
    key_ = cut(out.second);
    nonce_ = 0;
}

void NoiseState::mix_key_and_hash(Bytes input)
{
    HkdfOutputs out = hkdf(chaining_key_, input);
    chaining_key_ = std::move(out.first);
    mix_hash(out.second.bytes());
    key_ = cut(out.third);
    nonce_ = 0;
}

void NoiseState::encrypt_and_hash(Bytes plaintext, MutBytes out)
{
    assert(out.size() == plaintext.size() + noise_tag_size);
    const Aead aead{Cipher::chacha20_poly1305, key_};
    aead.seal(nonce_++, hash_, {{plaintext}}, out);
    mix_hash(out);
}

bool NoiseState::decrypt_and_hash(Bytes ciphertext, MutBytes out)
{
    assert(ciphertext.size() == out.size() + noise_tag_size);
    std::array<std::byte, 64> scratch{};
    assert(ciphertext.size() <= scratch.size());
    const MutBytes sealed = MutBytes{scratch}.first(ciphertext.size());
    std::ranges::copy(ciphertext, sealed.begin());

    const Aead aead{Cipher::chacha20_poly1305, key_};
    const auto plaintext = aead.open(nonce_, hash_, sealed);
    if (plaintext) {
        std::ranges::copy(*plaintext, out.begin());
        ++nonce_;
        mix_hash(ciphertext);
    }
    wipe(scratch);
    return plaintext.has_value();
}

NoiseState::Keys NoiseState::split() const
{
    const HkdfOutputs out = hkdf(chaining_key_, {});
    return {cut(out.first), cut(out.second), cut(out.third)};
}

NoiseState NoiseState::clone() const noexcept
{
    NoiseState copy;
    copy.chaining_key_ = Digest{chaining_key_.bytes()};
    copy.hash_ = hash_;
    copy.key_ = Secret<32>{key_.bytes()};
    copy.nonce_ = nonce_;
    return copy;
}

} // namespace braid

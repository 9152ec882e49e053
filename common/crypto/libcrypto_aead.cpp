#include "common/crypto/libcrypto_aead.hpp"

#include <cassert>
#include <cstdlib>
#include <cstring>
#include <utility>

#ifdef BRAID_LIBCRYPTO
#include <openssl/crypto.h>
#include <openssl/evp.h>
#endif

namespace braid {

#ifdef BRAID_LIBCRYPTO

namespace {

/// A segment that is shorter is copied to its place and sealed in one go with those beside it: a
/// call, and the blocks that it leaves half done, cost about as much as copying some KiB.
constexpr std::size_t short_segment = 4096;
constexpr int tag_bytes = 16;
static_assert(tag_size(Cipher::chacha20_poly1305) == tag_bytes);
static_assert(tag_size(Cipher::aes256_gcm) == tag_bytes);

enum class Direction : int { open = 0, seal = 1 }; ///< as EVP_CipherInit_ex has them

struct FreeCipher {
    void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
};
using FetchedCipher = std::unique_ptr<EVP_CIPHER, FreeCipher>;

/// Null: libcrypto does not have it. All but the first time it comes from libcrypto's own store.
[[nodiscard]] FetchedCipher fetch(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305:
        return FetchedCipher{EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr)};
    case Cipher::aes256_gcm:
        return FetchedCipher{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
    case Cipher::aegis256: break;
    }
    return nullptr;
}

/// Ends the program where a call fails that fails by wrong use or without memory only: what
/// follows could send a text that is not sealed.
void must(bool done) noexcept
{
    if (!done) std::abort();
}

/// The key stays; both ciphers use it in the same form both ways.
[[nodiscard]] bool begin(EVP_CIPHER_CTX* context, Direction direction, const AeadNonce& nonce,
                         Bytes associated) noexcept
{
    const int way = static_cast<int>(direction);
    if (EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.last_12(), way) != 1)
        return false;
    int written = 0;
    return associated.empty() || EVP_CipherUpdate(context, nullptr, &written, uchars(associated),
                                                  narrow<int>(associated.size())) == 1;
}

/// Copies a segment to its place, if it does not lie there.
void put(Bytes segment, MutBytes place) noexcept
{
    if (!segment.empty() && segment.data() != place.data())
        std::memcpy(place.data(), segment.data(), segment.size());
}

/// Takes a part of the text to `place`, which may be where it lies.
[[nodiscard]] bool update(EVP_CIPHER_CTX* context, Bytes part, MutBytes place) noexcept
{
    if (part.empty()) return true;
    int written = 0;
    return EVP_CipherUpdate(context, uchars(place), &written, uchars(part),
                            narrow<int>(part.size())) == 1;
}

/// With it opening has checked the tag. `place` is not written to: these are stream ciphers.
[[nodiscard]] bool finish(EVP_CIPHER_CTX* context, MutBytes place) noexcept
{
    int written = 0;
    return EVP_CipherFinal_ex(context, uchars(place), &written) == 1;
}

} // namespace

void prepare_libcrypto() noexcept
{
    must(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
    (void)fetch(Cipher::chacha20_poly1305);
    (void)fetch(Cipher::aes256_gcm);
}

std::string libcrypto_version()
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

bool LibcryptoAead::supported(Cipher cipher) noexcept
{
    return fetch(cipher) != nullptr;
}

void LibcryptoAead::Free::operator()(evp_cipher_ctx_st* context) const noexcept
{
    EVP_CIPHER_CTX_free(context);
}

LibcryptoAead::LibcryptoAead(Cipher cipher, const Secret<32>& key) noexcept
    : context_(EVP_CIPHER_CTX_new())
{
    const auto fetched = fetch(cipher);
    must(context_ != nullptr && fetched != nullptr);
    must(EVP_CipherInit_ex(context_.get(), fetched.get(), nullptr, uchars(key.bytes()), nullptr,
                           static_cast<int>(Direction::seal)) == 1);
}

void LibcryptoAead::seal(const AeadNonce& nonce, Bytes associated, std::span<const Bytes> segments,
                         MutBytes out) const noexcept
{
    must(context_ != nullptr);
    must(begin(context_.get(), Direction::seal, nonce, associated));
    MutBytes rest = out;      // where nothing is sealed yet
    std::size_t gathered = 0; // so much of it lies there
    const auto seal_next = [&](Bytes part) {
        must(update(context_.get(), part, rest));
        rest = rest.subspan(part.size());
    };
    for (const Bytes segment : segments) {
        if (segment.size() < short_segment) {
            put(segment, rest.subspan(gathered));
            gathered += segment.size();
        } else {
            seal_next(rest.first(std::exchange(gathered, 0)));
            seal_next(segment);
        }
    }
    seal_next(rest.first(gathered));
    must(finish(context_.get(), rest));
    assert(rest.size() == tag_bytes);
    must(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, rest.data()) == 1);
}

bool LibcryptoAead::open(const AeadNonce& nonce, Bytes associated, MutBytes sealed) const noexcept
{
    if (!context_) return false;
    const MutBytes text = sealed.first(sealed.size() - tag_bytes);
    const MutBytes tag = sealed.last(tag_bytes);
    return begin(context_.get(), Direction::open, nonce, associated) &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1 &&
           update(context_.get(), text, text) && finish(context_.get(), tag);
}

#else

void prepare_libcrypto() noexcept {}

std::string libcrypto_version()
{
    return {};
}

bool LibcryptoAead::supported(Cipher) noexcept
{
    return false;
}

void LibcryptoAead::Free::operator()(evp_cipher_ctx_st*) const noexcept {}

LibcryptoAead::LibcryptoAead(Cipher, const Secret<32>&) noexcept
{
    std::abort(); // a programmer error: it supports no cipher
}

void LibcryptoAead::seal(const AeadNonce&, Bytes, std::span<const Bytes>, MutBytes) const noexcept
{
    std::abort(); // nor here, where the plaintext would go out as it is
}

bool LibcryptoAead::open(const AeadNonce&, Bytes, MutBytes) const noexcept
{
    return false;
}

#endif

} // namespace braid

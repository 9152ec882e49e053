#include "common/crypto/derive.hpp"

#include <array>
#include <cstdint>
#include <sodium/crypto_generichash_blake2b.h>

namespace braid {

Secret<32> derive(const Secret<32>& secret, std::string_view label, Bytes context)
{
    const std::array label_size{narrow<std::uint8_t>(label.size())};
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, uchars(secret.bytes()), secret.bytes().size(), 32);
    crypto_generichash_blake2b_update(&state, label_size.data(), label_size.size());
    crypto_generichash_blake2b_update(&state, uchars(as_bytes(label)), label.size());
    crypto_generichash_blake2b_update(&state, uchars(context), context.size());

    Secret<32> key;
    crypto_generichash_blake2b_final(&state, uchars(MutBytes{key.mutable_bytes()}), 32);
    wipe(std::as_writable_bytes(std::span{&state, 1}));
    return key;
}

} // namespace braid

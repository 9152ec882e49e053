#include "common/crypto/noise.hpp"

#include "common/crypto/aead_makers.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <array>
#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

void mix_ephemeral(NoiseState& noise, const PublicKey& key)
{
    noise.mix_hash(key.bytes());
    noise.mix_key(key.bytes());
}

void append_sealed(NoiseState& noise, Bytes plaintext, std::vector<std::byte>& message)
{
    std::vector<std::byte> sealed(plaintext.size() + noise_tag_size);
    noise.encrypt_and_hash(plaintext, sealed);
    message.insert(message.end(), sealed.begin(), sealed.end());
}

[[nodiscard]] std::vector<std::byte> transport(AeadMaker maker, const Secret<32>& key,
                                               std::uint64_t nonce,
                                               const std::vector<std::byte>& payload)
{
    std::vector<std::byte> out(payload.size() + noise_tag_size);
    const std::array segments{Bytes{payload}};
    const Aead aead{Cipher::chacha20_poly1305, key, maker};
    CHECK(aead.seal(nonce, {}, segments, out) == out.size());
    return out;
}

} // namespace

TEST_CASE("IKpsk2 gives the messages of another implementation's published vector")
{
    const VectorFile v{"noise_ikpsk2.txt"};
    const auto client = v.private_key("client_private");
    const auto server = v.private_key("server_private");
    const auto e1 = v.private_key("client_ephemeral");
    const auto e2 = v.private_key("server_ephemeral");
    CHECK(copy_of(server.public_key().bytes()) == v["server_public"]);

    NoiseState noise;
    noise.begin("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", v["prologue"]);
    noise.mix_hash(server.public_key().bytes());
    auto message = copy_of(e1.public_key().bytes());
    mix_ephemeral(noise, e1.public_key());
    noise.mix_key(e1.agree(server.public_key())->bytes());
    append_sealed(noise, client.public_key().bytes(), message);
    noise.mix_key(client.agree(server.public_key())->bytes());
    append_sealed(noise, v["payload_0"], message);
    CHECK(message == v["message_0"]);

    message = copy_of(e2.public_key().bytes());
    mix_ephemeral(noise, e2.public_key());
    noise.mix_key(e2.agree(e1.public_key())->bytes());
    noise.mix_key(e2.agree(client.public_key())->bytes());
    noise.mix_key_and_hash(v["psk"]);
    append_sealed(noise, v["payload_1"], message);
    CHECK(message == v["message_1"]);

    const auto keys = noise.split();
    const auto& up = keys.initiator_to_responder;
    const auto& down = keys.responder_to_initiator;
    for (const auto maker : all_makers) {
        if (!Aead::supported(Cipher::chacha20_poly1305, maker)) continue;
        CAPTURE(library_of(maker));
        CHECK(transport(maker, up, 0, v["payload_2"]) == v["message_2"]);
        CHECK(transport(maker, down, 0, v["payload_3"]) == v["message_3"]);
        CHECK(transport(maker, up, 1, v["payload_4"]) == v["message_4"]);
        CHECK(transport(maker, down, 1, v["payload_5"]) == v["message_5"]);
    }
}

TEST_CASE("a message that is not authentic leaves the state as it was")
{
    NoiseState sender;
    sender.begin("Noise_test", {});
    sender.mix_key(as_bytes("material"));
    auto receiver = sender.clone();
    std::array<std::byte, 20> sealed{};
    sender.encrypt_and_hash(as_bytes("text"), sealed);

    std::array<std::byte, 4> text{};
    auto broken = sealed;
    broken[0] ^= std::byte{1};
    const auto before = receiver.hash();
    CHECK_FALSE(receiver.decrypt_and_hash(broken, text));
    CHECK(receiver.hash() == before);
    CHECK(receiver.decrypt_and_hash(sealed, text));
    CHECK(copy_of(text) == copy_of("text"));
    CHECK(receiver.hash() == sender.hash());
}

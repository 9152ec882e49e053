#include "server/reception.hpp"

#include "common/session/lane.hpp"
#include "common/wire/frame.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

/// The one message that a confirmation consists of.
Result<Message> only_message(Bytes plaintext)
{
    FrameReader frames{plaintext};
    const auto frame = frames.next();
    if (!frame) return fail(frame.error());
    if (!*frame || (*frame)->kind != FrameKind::message)
        return fail(std::errc::protocol_error, "the first record holds no message");
    const auto message = decode_message((*frame)->payload);
    if (!message) return fail(message.error());
    const auto end = frames.next();
    if (!end) return fail(end.error());
    if (!*message || *end)
        return fail(std::errc::protocol_error, "the first record is no confirmation");
    return **message;
}

} // namespace

Result<Reception::Step> Reception::take(MutBytes stream)
{
    const auto unit = next_unit(stream);
    if (!unit) return fail(unit.error());
    if (!*unit) return Step{};
    const auto [type, size] = **unit;
    const bool is_opening = type == UnitType::client_hello || type == UnitType::lane_join;
    const bool is_record = type == UnitType::record;
    if (pending_ ? !is_record : !is_opening)
        return fail(handshake_fault::malformed, pending_ ? "the confirmation is not a record"
                                                         : "the first message is not a hello");
    if (size > room) return fail(handshake_fault::malformed, "the confirmation is too large");
    if (size > stream.size()) return Step{};
    auto step = pending_ ? confirm(stream.first(size)) : open(stream.first(size), type);
    if (step) step->taken = size;
    return step;
}

Result<Reception::Step> Reception::open(Bytes unit, UnitType type)
{
    if (type == UnitType::lane_join) return join(unit);
    return greet(unit);
}

Result<Reception::Step> Reception::greet(Bytes hello)
{
    if (!host_.allows_handshake())
        return fail(busy, "too many handshakes, of this source or of all");
    const auto find = [this](const PublicKey& key) { return host_.find_client(key); };
    const auto client = handshake_.on_hello(hello, find);
    if (!client) return fail(client.error());
    auto result = handshake_.reply(reply_);
    if (!result) return fail(result.error());
    expect(NewSession{*client, {result->id, result->cipher, std::move(result->session_secret)}, {}},
           result->cipher,
           {std::move(result->client_to_server), std::move(result->server_to_client)});
    return Step{.taken = 0, .reply = Bytes{reply_}.first(server_hello_size), .admission = {}};
}

Result<Reception::Step> Reception::join(Bytes unit)
{
    auto lane = host_.join(unit, reply_);
    if (!lane) return fail(lane.error());
    expect(FurtherLane{lane->peer, lane->session}, lane->cipher, std::move(lane->secrets));
    return Step{.taken = 0, .reply = Bytes{reply_}.first(lane_accept_size), .admission = {}};
}

void Reception::expect(Who who, Cipher cipher, LaneSecrets secrets)
{
    auto probe = ProbeKeys::of(secrets);
    auto keys = Lane::Keys::of_server(cipher, host_.maker_of(cipher), std::move(secrets));
    pending_.emplace(Admission{std::move(who), std::move(keys.sealer), std::move(keys.opener),
                               std::move(probe)});
}

Result<Reception::Step> Reception::confirm(MutBytes record)
{
    const auto plaintext = pending_->opener.open(record);
    if (!plaintext) return fail(plaintext.error());
    const auto message = only_message(*plaintext);
    if (!message) return fail(message.error());
    const auto* hello = std::get_if<Hello>(&*message);
    auto* session = std::get_if<NewSession>(&pending_->who);
    const bool fits = session ? hello != nullptr : std::holds_alternative<LaneHello>(*message);
    if (!fits) return fail(std::errc::protocol_error, "another message before hello");
    if (session) session->hello = *hello;
    return Step{.taken = 0, .reply = {}, .admission = std::exchange(pending_, std::nullopt)};
}

} // namespace braid

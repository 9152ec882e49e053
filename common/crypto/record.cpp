#include "common/crypto/record.hpp"

#include "common/crypto/derive.hpp"

#include <cassert>

namespace braid {

namespace {

[[nodiscard]] Secret<32> aead_key(Cipher cipher, const Secret<32>& secret)
{
    const std::array context{static_cast<std::byte>(cipher)};
    return derive(secret, "braid record", context);
}

[[nodiscard]] std::size_t total(std::span<const Bytes> segments) noexcept
{
    std::size_t size = 0;
    for (const Bytes segment : segments) size += segment.size();
    return size;
}

} // namespace

RecordKey::RecordKey(Cipher cipher, Secret<32> secret, RecordLimits limits, AeadMaker maker)
    : secret_(std::move(secret)), aead_(cipher, aead_key(cipher, secret_), maker), limits_(limits)
{
}

const Aead& RecordKey::aead(std::size_t thread) const
{
    if (thread == 0) return aead_;
    auto& own = others_[thread - 1];
    if (!own)
        own = std::make_unique<Aead>(aead_.cipher(), aead_key(aead_.cipher(), secret_),
                                     aead_.maker());
    return *own;
}

bool RecordKey::worn() const noexcept
{
    return records_ >= limits_.records || bytes_ >= limits_.bytes;
}

bool RecordKey::refuses(std::size_t size) const noexcept
{
    return records_ >= 2 * limits_.records || size > 2 * limits_.bytes - bytes_;
}

void RecordKey::count(std::size_t size) noexcept
{
    ++records_;
    bytes_ += size;
}

RecordKey RecordKey::next() const
{
    return {aead_.cipher(), derive(secret_, "braid rekey"), limits_, aead_.maker()};
}

void SealWork::run(std::span<const Bytes> segments, std::size_t thread) const noexcept
{
    assert(total(segments) + record_overhead(key_->cipher()) == record_.size());
    key_->aead(thread).seal(nonce_, record_.first(unit_header_size), segments,
                            record_.subspan(unit_header_size));
}

bool OpenWork::run(std::size_t thread) const noexcept
{
    return key_->aead(thread)
        .open(nonce_, unit_.first(unit_header_size), unit_.subspan(unit_header_size))
        .has_value();
}

MutBytes OpenWork::plaintext() const noexcept
{
    return unit_.subspan(unit_header_size, unit_.size() - record_overhead(key_->cipher()));
}

Result<std::size_t> RecordSealer::seal(std::span<const Bytes> segments, MutBytes out)
{
    const auto work = begin(total(segments), out);
    if (!work) return fail(work.error());
    work->run(segments);
    return work->size();
}

Result<SealWork> RecordSealer::begin(std::size_t size, MutBytes out)
{
    if (size > max_record_plaintext) return fail(std::errc::message_size, "record: too large");
    if (key_.refuses(size)) return fail(std::errc::value_too_large, "record: key is used up");
    assert(out.size() >= size + overhead());

    write_unit_header(out, next_type_, size + tag_size(cipher()));
    const SealWork work{key_, out.first(size + overhead())};
    key_.count(size);
    next_type_ = UnitType::record;
    return work;
}

void RecordSealer::rekey()
{
    // A second step before a record was sealed would leave the receiver one key behind.
    if (next_type_ == UnitType::next_record) return;
    key_ = key_.next();
    next_type_ = UnitType::next_record;
}

Result<MutBytes> RecordOpener::open(MutBytes unit)
{
    if (dead_) return fail(std::errc::protocol_error, "record: lane has failed before");
    dead_ = true; // until this record has proved good

    const auto header = next_unit(unit);
    if (!header) return fail(header.error());
    if (!*header || (*header)->size != unit.size())
        return fail(std::errc::protocol_error, "record: size does not match its header");

    std::optional<RecordKey> next;
    if ((*header)->type == UnitType::next_record)
        next = key_.next();
    else if ((*header)->type != UnitType::record)
        return fail(std::errc::protocol_error, "record: unit of another type");

    const auto work = begin_with(next ? *next : key_, unit);
    if (!work) return fail(work.error());
    if (!work->run()) return fail(std::errc::protocol_error, "record: not authentic");
    const MutBytes plaintext = work->plaintext();
    if (next) key_ = std::move(*next);
    dead_ = false;
    return plaintext;
}

std::optional<OpenWork> RecordOpener::begin(MutBytes unit)
{
    if (dead_) return std::nullopt;
    const auto header = next_unit(unit);
    if (!header || !*header || **header != Unit{UnitType::record, unit.size()}) return std::nullopt;
    const auto work = begin_with(key_, unit);
    return work ? std::optional{*work} : std::nullopt;
}

Result<OpenWork> RecordOpener::begin_with(RecordKey& key, MutBytes unit)
{
    const std::size_t overhead = record_overhead(key.cipher());
    if (unit.size() < overhead || unit.size() - overhead > max_record_plaintext)
        return fail(std::errc::protocol_error, "record: size out of bounds");
    const std::size_t size = unit.size() - overhead;
    if (key.refuses(size)) return fail(std::errc::protocol_error, "record: key is used up");
    const OpenWork work{key, unit};
    key.count(size);
    return work;
}

} // namespace braid

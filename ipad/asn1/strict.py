# mypy: disallow-subclassing-any=False, warn-return-any=False
"""asn1tools' DER codec with what it lacks: strictness where octets come from others.

As it is (0.165 to 0.169), the codec loops for ever over a SEQUENCE OF with a wrong element, drops every
member behind one it does not know, takes an unknown arm of a CHOICE for (None, None), does not look at
sizes, at the lengths of NULL and INTEGER or at where an OBJECT IDENTIFIER ends, and encodes whatever it
is given. The classes here take its place in each of these; the rest is its own. All of them rely on
`tlv.check` having seen the octets first: lengths are true and elements nest.
"""

from typing import Any

from ipad.asn1 import tlv
from ipad.asn1.codecs import ber, der
from ipad.errors import DecodeError as Malformed

DecodeError = ber.DecodeError
EncodeError = ber.EncodeError

MAX_INTEGER_OCTETS = 16
"""Longer ones are nobody's counter, token or code."""
MAX_OID_OCTETS = 64
"""As long as any identifier in use, by far; without a limit its text could grow with the square."""


def _within(compiled: Any, count: int, error: Any) -> None:
    """Checks count (octets, or characters) against the type's SIZE, if it has one."""
    size = getattr(compiled, "size", None)
    if size is not None and not size[0] <= count <= size[1]:
        raise error(f"a size of {count}, not in {size[0]}..{size[1]}")


def _expect(value: Any, kind: Any, what: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise EncodeError(f"expected {what}, got {value!r:.80}")


def _tags(compiled: Any) -> list[bytes]:
    """The tags that an element of this type can have: several only if it is an untagged CHOICE."""
    if isinstance(compiled, der.Choice):
        return list(compiled.tag_to_member)
    return [bytes(compiled.tag)]


def decode(compiled: Any, data: bytes, offset: int) -> tuple[Any, int]:
    """The value of the element at offset, and where it ends. Raises DecodeError if the tag is another."""
    decoded, end = compiled.decode(data, offset)
    if decoded is ber.TAG_MISMATCH:
        expected = " or ".join(tag.hex().upper() for tag in _tags(compiled))
        found = ber.read_tag(data, offset).hex().upper()
        raise DecodeError(f"octet {offset}: a tag {found} where {expected} is expected")
    return decoded, end


class Sequence(der.Sequence):
    """Members in any order, each once; unknown ones are skipped if the type is extensible."""

    def __init__(self, name: str, members: list[Any], additions: list[Any] | None) -> None:
        super().__init__(name, members, additions)
        self.by_tag: dict[bytes, list[Any]] = {}
        for member in members:
            for tag in _tags(member):
                self.by_tag.setdefault(tag, []).append(member)

    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[dict[str, Any], int]:
        end = offset + length
        values: dict[str, Any] = {}
        while offset < end:
            tag = bytes(ber.read_tag(data, offset))
            candidates = self.by_tag.get(tag, ())
            found = next((m for m in candidates if m.name not in values), None)
            if found is not None:
                try:
                    values[found.name], offset = found.decode(data, offset)
                except ber.ErrorWithLocation as error:
                    error.add_location(found)
                    raise
            elif candidates:
                raise DecodeError(f"octet {offset}: {candidates[0].name} for the second time")
            elif self.additions is None:
                raise DecodeError(f"octet {offset}: a tag {tag.hex().upper()} that the type does not have")
            else:
                offset = ber.skip_tag_length_contents(data, offset)
        for member in self.root_members:
            if member.name in values or member.optional:
                continue
            if not member.has_default():
                raise DecodeError(f"{member.name} is missing")
            values[member.name] = member.get_default()
        return values, end

    def encode_content(self, data: Any, values: Any = None) -> bytearray:
        _expect(data, dict, "a dict")
        unknown = set(data) - {member.name for member in self.root_members}
        if unknown:
            raise EncodeError(f"no such member: {', '.join(sorted(map(str, unknown)))}")
        for member in self.root_members:
            # asn1tools takes None for "the default" and leaves the member out, needed or not.
            if data.get(member.name, member) is None and not (
                member.optional or isinstance(member, der.Null)
            ):
                raise EncodeError(f"{member.name} is None")
        return super().encode_content(data, values)


class SequenceOf(der.SequenceOf):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[list[Any], int]:
        end = offset + length
        decoded = []
        while offset < end:
            element, offset = decode(self.element_type, data, offset)
            decoded.append(element)
        return decoded, end

    def encode_content(self, data: Any, values: Any = None) -> bytearray:
        _expect(data, (list, tuple), "a list")
        return super().encode_content(data, values)


class Choice(der.Choice):
    """An arm that the schema does not know is refused, extensible or not: there is no value for it."""

    def __init__(self, name: str, members: list[Any], additions: list[Any] | None) -> None:
        super().__init__(name, members, additions)
        self.has_extension_marker = False

    def encode(self, data: Any, encoded: bytearray) -> None:
        if not (isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], str)):
            raise EncodeError(f"expected (name, value), got {data!r:.80}")
        super().encode(data, encoded)


class ExplicitTag(ber.ExplicitTag):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[Any, int]:
        decoded, end = decode(self.inner, data, offset)
        if end != offset + length:
            raise DecodeError("not exactly one element inside")
        return decoded, end


class Boolean(der.Boolean):
    def encode_content(self, data: Any, values: Any = None) -> bytearray:
        _expect(data, bool, "True or False")
        return super().encode_content(data, values)


class Integer(der.Integer):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[int, int]:
        if not 1 <= length <= MAX_INTEGER_OCTETS:
            raise DecodeError(f"an INTEGER of {length} octets")
        return super().decode_content(data, offset, length)

    def encode_content(self, data: Any, values: Any = None) -> bytes:
        _expect(data, int, "an int")
        content = super().encode_content(data, values)
        if len(content) > MAX_INTEGER_OCTETS:
            raise EncodeError(f"an INTEGER of {len(content)} octets")
        return content


class Null(der.Null):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[None, int]:
        if length:
            raise DecodeError(f"a NULL of {length} octets")
        return super().decode_content(data, offset, length)

    def encode(self, data: Any, encoded: bytearray) -> None:
        _expect(data, type(None), "None")
        super().encode(data, encoded)


class BitString(der.BitString):
    """Named bits lose their trailing zeros both ways (X.690 11.2.2), so that equal flags are equal."""

    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[tuple[bytes, int], int]:
        unused = data[offset] if length else 8
        if unused > 7 or (length == 1 and unused):
            raise DecodeError(f"a BIT STRING of {length} octets, {unused} bits of it unused")
        (octets, count), end = super().decode_content(data, offset, length)
        octets, count = der.clean_bit_string_value((octets, count), self.has_named_bits)
        return (bytes(octets), count), end

    def encode(self, data: Any, encoded: bytearray) -> None:
        if not (isinstance(data, tuple) and len(data) == 2):
            raise EncodeError(f"expected (octets, number of bits), got {data!r:.80}")
        _expect(data[0], (bytes, bytearray), "octets")
        _expect(data[1], int, "a number of bits")
        if not 0 <= data[1] <= 8 * len(data[0]):
            raise EncodeError(f"{data[1]} bits in {len(data[0])} octets")
        super().encode(der.clean_bit_string_value(data, self.has_named_bits), encoded)


class OctetString(der.OctetString):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[bytes, int]:
        _within(self, length, DecodeError)
        return super().decode_content(data, offset, length)

    def encode_content(self, data: Any, values: Any = None) -> bytes:
        _expect(data, (bytes, bytearray), "octets")
        _within(self, len(data), EncodeError)
        return super().encode_content(data, values)


class UTF8String(der.UTF8String):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[str, int]:
        try:
            text, end = super().decode_content(data, offset, length)
        except UnicodeDecodeError as error:
            raise DecodeError(f"not UTF-8: {error.reason}") from None
        _within(self, len(text), DecodeError)
        return text, end

    def encode_content(self, data: Any, values: Any = None) -> bytes:
        _expect(data, str, "text")
        _within(self, len(data), EncodeError)
        try:
            return super().encode_content(data, values)
        except UnicodeEncodeError as error:
            raise EncodeError(f"not UTF-8: {error.reason}") from None


class ObjectIdentifier(der.ObjectIdentifier):
    def decode_content(self, data: bytes, offset: int, length: int) -> tuple[str, int]:
        content = bytes(data[offset : offset + length])
        if not 1 <= length <= MAX_OID_OCTETS or content[-1] & 0x80:
            raise DecodeError(f"not an OBJECT IDENTIFIER: {content[:MAX_OID_OCTETS].hex().upper()}")
        arcs = [0]
        for octet in content:
            if arcs[-1] == 0 and octet == 0x80:
                raise DecodeError(f"not an OBJECT IDENTIFIER: {content.hex().upper()}")
            arcs[-1] = arcs[-1] << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(0)
        # X.690 8.19.4: the first two arcs share a number, and under 2 the second may be above 39.
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:-1]])), offset + length

    def encode_content(self, data: Any, values: Any = None) -> bytes:
        _expect(data, str, "an OBJECT IDENTIFIER as text")
        arcs = data.split(".")
        if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() for arc in arcs):
            raise EncodeError(f"not an OBJECT IDENTIFIER: {data!r:.80}")
        if int(arcs[0]) > 2 or (int(arcs[0]) < 2 and int(arcs[1]) > 39):
            raise EncodeError(f"not an OBJECT IDENTIFIER: {data!r:.80}")
        return bytes(super().encode_content(data, values))


class Opaque(der.Any):
    """An element whose octets are the value: any, or with a tag of its own that one only."""

    def set_tag(self, number: int, flags: int) -> None:
        constructed = ber.Encoding.CONSTRUCTED if number == ber.Tag.SEQUENCE else 0
        super().set_tag(number, flags | constructed)

    def decode(self, data: bytes, offset: int) -> tuple[Any, int]:
        if self.tag is not None and data[offset : offset + self.tag_len] != self.tag:
            return ber.TAG_MISMATCH, offset
        end = ber.skip_tag_length_contents(data, offset)
        return bytes(data[offset:end]), end

    def encode(self, data: Any, encoded: bytearray) -> None:
        _expect(data, (bytes, bytearray), "the octets of one element")
        try:
            tlv.check(bytes(data))
        except Malformed as error:
            raise EncodeError(f"not one element: {error}") from None
        if self.tag is not None and data[: self.tag_len] != self.tag:
            raise EncodeError(f"an element {data[: self.tag_len].hex()}, not {self.tag.hex()}")
        encoded.extend(data)

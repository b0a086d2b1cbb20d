"""The sample records of the serializer bench. The same seed gives the same records."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from stampede.patterns.serialization.schema.records import Address, Item, Order, Orders, Page, Profile, User

# ruff: noqa: SIM905 (words are easier to read as text than as lists of literals)
ASCII = (
    "about account after again also always another answer because before better between both bring build cache change "
    "city clear close coffee could country data early enough every family find first follow garden good group hand "
    "help high home house idea keep kind large late learn letter life light line little long market morning music night"
).split()
UNICODE = (
    "über Straße café naïve señor año déjà façade Zoë Łódź żółty Привет данные ключ память скорость кэш молоко город "
    "データ 速度 記憶 東京 猫 日本語 数据 缓存 北京 안녕 메모리 서울 ελληνικά λόγος שלום مرحبا नमस्ते ไทย 🚀 ☕ 🎉 crème"
).split()
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class RecordKind:
    """A kind of record: its description and how one is made."""

    name: str
    what: str
    record_type: type[Any]
    make: Callable[[random.Random], Any]
    text: str
    """"ascii" or "unicode"."""
    pool: int
    """The number of different records of this kind."""

    def records(self, seed: int) -> list[Any]:
        """`pool` different records."""
        return [self.make(random.Random(f"{seed}-{self.name}-{i}")) for i in range(self.pool)]


class RecordMaker:
    """Makes records from one vocabulary."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def text(self, rng: random.Random, count: int) -> str:
        return " ".join(rng.choices(self.words, k=count))

    def stamp(self, rng: random.Random) -> str:
        return (START + timedelta(seconds=rng.randrange(31_536_000))).isoformat()

    def user(self, body_bytes: int) -> Callable[[random.Random], User]:
        def make(rng: random.Random) -> User:
            first, last = rng.choice(self.words), rng.choice(self.words)
            number = rng.randrange(1, 1_000_000)
            return User(
                id=number,
                name=f"{first} {last}".title(),
                email=f"user{number}@example.com",
                body=shorten(self.text(rng, body_bytes // 2 + 1), body_bytes),
                version=rng.randrange(1, 50),
                updated_at=self.stamp(rng),
            )

        return make

    def profile(self, rng: random.Random) -> Profile:
        joined = START - timedelta(microseconds=rng.randrange(10**14))
        return Profile(
            id=rng.randrange(1, 10**9),
            display_name=self.text(rng, 2).title(),
            bio=self.text(rng, 40),
            joined_at=joined,
            last_seen_at=joined + timedelta(microseconds=rng.randrange(10**13)) if rng.random() < 0.7 else None,
            balance=Decimal(rng.randrange(10**7)) / 100,
            avatar=rng.randbytes(256),
            referrer=None if rng.random() < 0.5 else f"user{rng.randrange(10**6)}",
            verified=rng.random() < 0.5,
            address=Address(
                street=f"{self.text(rng, 2)} {rng.randrange(1, 200)}",
                city=rng.choice(self.words),
                postcode=None if rng.random() < 0.2 else str(rng.randrange(10_000, 99_999)),
                country=rng.choice(self.words),
            ),
            interests=[rng.choice(self.words) for _ in range(6)],
            scores=[round(rng.random() * 100, 3) for _ in range(10)],
        )

    def orders(self, rng: random.Random) -> Orders:
        return Orders(user_id=rng.randrange(1, 10**6), orders=[self.order(rng) for _ in range(100)])

    def order(self, rng: random.Random) -> Order:
        return Order(
            id=rng.randrange(1, 10**9),
            sku=f"SKU-{rng.randrange(10**6):06}",
            title=self.text(rng, 4),
            quantity=rng.randrange(1, 9),
            amount_cents=rng.randrange(100, 50_000),
            placed_at=self.stamp(rng),
        )

    def page(self, rng: random.Random) -> Page:
        words = 22 if self.words is ASCII else 14
        return Page(
            query=self.text(rng, 2), total=rng.randrange(10**5), items=[self.item(rng, words) for _ in range(200)]
        )

    def item(self, rng: random.Random, words: int) -> Item:
        number = rng.randrange(1, 10**8)
        return Item(
            id=number,
            title=self.text(rng, 5),
            url=f"https://shop.example.com/items/{number}",
            excerpt=self.text(rng, words),
            price_cents=rng.randrange(100, 10**6),
            rating=round(rng.random() * 5, 1),
            in_stock=rng.random() < 0.8,
            tags=[rng.choice(self.words) for _ in range(3)],
        )


def shorten(text: str, size: int) -> str:
    """The longest prefix of the text that has at most `size` bytes in UTF-8."""
    return text.encode()[:size].decode(errors="ignore")


def kinds() -> Mapping[str, RecordKind]:
    """Every kind of record by name, each in ASCII and in other scripts."""
    found = {}
    for text, words in (("ascii", ASCII), ("unicode", UNICODE)):
        maker, end = RecordMaker(words), "" if text == "ascii" else "-unicode"
        script = "ASCII" if text == "ascii" else "text in many scripts"
        rows: list[tuple[str, str, type[Any], Callable[[random.Random], Any], int]] = [
            ("user-200", "a flat user row, about 200 bytes", User, maker.user(40), 128),
            ("user-500", "a flat user row, about 500 bytes", User, maker.user(340), 128),
            ("profile", "a nested profile: timestamps, a decimal, bytes, None", Profile, maker.profile, 64),
            ("orders", "a list of 100 orders", Orders, maker.orders, 12),
            ("page", "a page of search results, about 70 KB", Page, maker.page, 6),
        ]
        for name, what, record_type, make, pool in rows:
            found[name + end] = RecordKind(
                name=name + end, what=f"{what}; {script}", record_type=record_type, make=make, text=text, pool=pool
            )
    return found

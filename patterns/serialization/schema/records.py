"""The records of the serializer benchmark. records.proto defines the same fields with the same names."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(kw_only=True)
class User:
    """A flat row."""

    id: int
    name: str
    email: str
    body: str
    version: int
    updated_at: str


@dataclass(kw_only=True)
class Address:
    """The address of a profile."""

    street: str
    city: str
    postcode: str | None
    country: str


@dataclass(kw_only=True)
class Profile:
    """A nested record with types that JSON does not have."""

    id: int
    display_name: str
    bio: str
    joined_at: datetime
    last_seen_at: datetime | None
    balance: Decimal
    avatar: bytes
    referrer: str | None
    verified: bool
    address: Address
    interests: list[str]
    scores: list[float]


@dataclass(kw_only=True)
class Order:
    """One order of a user."""

    id: int
    sku: str
    title: str
    quantity: int
    amount_cents: int
    placed_at: str


@dataclass(kw_only=True)
class Orders:
    """A list of orders."""

    user_id: int
    orders: list[Order]


@dataclass(kw_only=True)
class Item:
    """One search result."""

    id: int
    title: str
    url: str
    excerpt: str
    price_cents: int
    rating: float
    in_stock: bool
    tags: list[str]


@dataclass(kw_only=True)
class Page:
    """A page of search results."""

    query: str
    total: int
    items: list[Item]

"""A shop's product pages on Django: PostgreSQL by Django's ORM, cached in Redis.

    CACHE=plain   cache-aside without a lock: when a popular entry expires, every request queries the database
    CACHE=locked  one request per expiry queries, under a lock that only its owner can release; the others wait

Settings, from the environment: DATABASE_URL, REDIS_URL, CACHE (plain), CACHE_TTL_S (5), LOAD_MS (50): how long a query
takes, as on a larger database.
"""

import json
import os
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models, transaction
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views import View
from redis import Redis

CACHE = os.environ.get("CACHE", "plain")
TTL_MS = round(1000 * float(os.environ.get("CACHE_TTL_S", "5")))
LOAD_S = float(os.environ.get("LOAD_MS", "50")) / 1000
LOCK_MS = 10_000
POLL_S = 0.01
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

server = urlsplit(os.environ["DATABASE_URL"])
DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": server.path.lstrip("/"),
    "USER": unquote(server.username or ""),
    "PASSWORD": unquote(server.password or ""),
    "HOST": unquote(server.hostname or ""),
    "PORT": server.port or "",
    "OPTIONS": {**dict(parse_qsl(server.query)), "pool": {"min_size": 4, "max_size": 64}},
}
settings.configure(DATABASES={"default": DATABASE}, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True)
django.setup()
redis = Redis.from_url(os.environ["REDIS_URL"])
release = redis.register_script(RELEASE)


class Product(models.Model):
    id = models.IntegerField(primary_key=True)
    title = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    version = models.IntegerField()

    class Meta:
        app_label = "shop"
        db_table = "products"
        managed = False


def load(product_id: int, key: str) -> bytes | None:
    """Query the product and fill its entry."""
    slow = RawSQL("(SELECT pg_sleep(%s)::text)", [LOAD_S])
    row = Product.objects.filter(id=product_id).annotate(slow=slow).first()
    if row is None:
        return None
    product = {"id": row.id, "title": row.title, "price": float(row.price), "version": row.version}
    value = json.dumps(product).encode()
    redis.set(key, value, px=TTL_MS)
    return value


def load_once(product_id: int, key: str) -> bytes | None:
    """As `load`, but only the owner of the lock queries. The others wait for its entry."""
    lock, token = f"lock:{key}", uuid.uuid4().hex
    while True:
        if redis.set(lock, token, nx=True, px=LOCK_MS):
            try:
                return redis.get(key) or load(product_id, key)
            finally:
                release(keys=[lock], args=[token])
        time.sleep(POLL_S)
        if cached := redis.get(key):
            return cached


class ProductView(View):
    def get(self, _request: HttpRequest, product_id: int) -> JsonResponse:
        key = f"product:{product_id}"
        cached = redis.get(key)
        if cached is None:
            cached = (load_once if CACHE == "locked" else load)(product_id, key)
        if cached is None:
            return JsonResponse({"error": "no such product"}, status=404)
        return JsonResponse(json.loads(cached))

    def put(self, request: HttpRequest, product_id: int) -> JsonResponse:
        title = json.loads(request.body)["text"]
        with transaction.atomic():  # the row stays locked, so the version is the one of this write
            changed = Product.objects.filter(id=product_id).update(title=title, version=models.F("version") + 1)
            version = Product.objects.filter(id=product_id).values_list("version", flat=True).first()
        if not changed:
            return JsonResponse({"error": "no such product"}, status=404)
        redis.delete(f"product:{product_id}")
        return JsonResponse({"id": product_id, "title": title, "version": version})


urlpatterns: list[Any] = [path("products/<int:product_id>", ProductView.as_view())]
application = get_wsgi_application()

"""Serializers: how a record becomes bytes and back. One file a serializer."""

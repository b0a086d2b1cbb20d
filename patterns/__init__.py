"""The contenders: caching patterns, rate limiters, serializers and compressors."""

"""Published traffic as data: Twitter's cache clusters, Facebook's ETC, and the usual benchmark."""

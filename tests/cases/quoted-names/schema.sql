CREATE TABLE "Our ""People""" (
    "The Id" UUID PRIMARY KEY, "select" TEXT, "Ünï çode" TEXT, "boss's id" UUID REFERENCES "Our ""People"""
);

/** The frameworks of which the tests run two majors, under the types of the newer one. */
import express from 'express'
import fastify from 'fastify'

export { express, fastify }
export const express4: typeof express = require('express4')
export const fastify4: typeof fastify = require('fastify4')
